"""Virtual labs whose store goes away: what the store does, what rules catch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from lifeguard.board import ManagedBoard
from lifeguard.clock import ServiceTime
from lifeguard.health.poller import Poller
from lifeguard.health.polls import Polls
from lifeguard.model import Change, HistoryRow, Standing
from lifeguard.resumption import Resumption
from lifeguard.simulator.virtual.disk import VirtualDisk
from lifeguard.simulator.virtual.heap import HeapClock, LifeClock
from lifeguard.simulator.virtual.lab import Lab
from lifeguard.simulator.virtual.observer import Operation
from lifeguard.simulator.virtual.plan import HOUR, IMAGE, Plan, Troubles
from lifeguard.simulator.virtual.polls import FIGURES, LeapingPoller, VirtualProbes
from lifeguard.simulator.virtual.run import live
from lifeguard.simulator.virtual.store import VirtualStore
from lifeguard.simulator.virtual.verdict import RuleBroken
from lifeguard.store import StoreUnavailable, writer
from lifeguard.store.calls import LIMIT_SECONDS
from lifeguard.store.writer import TRIAL_SECONDS, GroupWriter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUIET = Troubles(**{field.name: 0.0 for field in fields(Troubles)})
SOON = 0.1
"""Seconds that a call of the disk takes at most, and what comes of it."""


class Observer:
    """Writes one list of what a store is asked, does and tells."""

    def __init__(self, life: LifeClock) -> None:
        self.said: list[str] = []
        self.deadly = ""
        """What is said last: the daemon dies there."""
        self._life = life

    def __getattr__(self, name: str) -> Callable[..., float]:
        def say(*arguments: object) -> float:
            boards = [each for each in arguments if isinstance(each, str)]
            self.said.append(" ".join([name.replace("_", " "), *boards]))
            if self.said[-1] == self.deadly:
                self._life.die()
            return 0.0

        return say


class Parts(NamedTuple):
    clock: HeapClock
    disk: VirtualDisk
    store: VirtualStore
    observer: Any
    said: list[str]

    def commit(self, board: str) -> None:
        """Ask for its first row; what comes of it is said."""
        row = HistoryRow(
            at=NOON,
            board=board,
            event="rq-reboot",
            source="test",
            outcome="moved",
            from_state="New",
            to_state="RebootRebooting",
            generation=0,
        )
        after = Standing(board=board, state="RebootRebooting", since=NOON, version=1)

        def hear(result: object) -> None:
            well = "is saved" if result is None else "may be saved"
            self.said.append(f"{board} {well}")

        self.store.commit(Change(after=after, row=row)).addBoth(hear)

    def heard(self) -> list[str]:
        """What the daemon has heard by now."""
        words = ("store is", "saved")
        return [line for line in self.said if any(word in line for word in words)]


def rig(seed: int = 1) -> Parts:
    clock = HeapClock()
    life = LifeClock(clock)
    observer: Any = Observer(life)
    disk = VirtualDisk(clock, Random(seed), lost_answers=0.0)
    store = VirtualStore(disk, life, clock.seconds, observer)
    store.tell(observer)
    return Parts(clock, disk, store, observer, observer.said)


# The store of a daemon.


def test_a_group_is_written_and_answered_in_order() -> None:
    parts = rig()
    for board in ("one", "two", "three"):
        parts.commit(board)
    parts.clock.run_until(1)
    assert parts.said == [
        "commit asked",
        "commit asked",
        "commit asked",
        "transaction begins",
        "committed",
        "committed",
        "committed",
        "transaction written",
        "commit answered one",
        "one is saved",
        "answered one",
        "commit answered two",
        "two is saved",
        "answered two",
        "commit answered three",
        "three is saved",
        "answered three",
    ]


def test_a_daemon_that_dies_at_an_answer_hears_no_other() -> None:
    parts = rig()
    parts.observer.deadly = "answered one"
    parts.store.save_time()  # the first is a group of its own
    for board in ("one", "two"):
        parts.commit(board)
    parts.clock.run_until(60)
    assert parts.said[-2:] == ["one is saved", "answered one"]
    assert set(parts.disk.durable.standings) == {"one", "two"}


def test_a_disk_that_refuses_is_known_at_once_and_its_return_soon() -> None:
    parts = rig()
    parts.disk.refuse()
    parts.commit("one")
    parts.clock.run_until(SOON)
    assert parts.heard() == ["store is away", "one may be saved"]
    parts.commit("two")
    assert parts.heard()[2:] == ["two may be saved"]
    parts.clock.run_until(60)
    parts.disk.come_back()
    parts.clock.run_until(60 + TRIAL_SECONDS + SOON)
    parts.commit("three")
    parts.clock.run_until(62)
    assert parts.heard()[3:] == ["store is back", "three is saved"]
    assert set(parts.disk.durable.standings) == {"three"}


def test_a_silent_disk_is_given_up_and_known_when_it_speaks() -> None:
    parts = rig()
    parts.disk.fall_silent(60)
    parts.commit("one")
    parts.clock.run_until(LIMIT_SECONDS - 0.001)
    assert parts.heard() == []
    parts.clock.run_until(LIMIT_SECONDS)
    assert parts.heard() == ["store is away", "one may be saved"]
    parts.clock.run_until(60)
    parts.disk.come_back()
    assert parts.heard()[2:] == []
    parts.clock.run_until(60 + TRIAL_SECONDS + 3 * SOON)
    assert parts.heard()[2:] == ["store is back"]


def test_what_was_given_up_may_have_been_written_or_not() -> None:
    def is_saved(seed: int) -> bool:
        parts = rig(seed)
        parts.disk.fall_silent(20)
        parts.commit("one")
        parts.clock.run_until(20)
        parts.disk.come_back()
        parts.clock.run_until(30)
        assert parts.heard()[-1] == "store is back"
        return "one" in parts.disk.durable.standings

    assert {is_saved(seed) for seed in range(20)} == {True, False}


def test_a_read_fails_without_a_disk_and_waits_for_a_silent_one() -> None:
    parts, met = rig(), list[object]()
    parts.disk.refuse()
    parts.store.standing("one").addErrback(lambda failure: met.append(failure.type))
    parts.clock.run_until(SOON)
    assert met == [StoreUnavailable]
    parts.disk.fall_silent(60)
    parts.store.standing("one").addErrback(lambda failure: met.append(failure.type))
    parts.clock.run_until(SOON + LIMIT_SECONDS - 0.001)
    assert met == [StoreUnavailable]
    parts.clock.run_until(SOON + LIMIT_SECONDS)
    assert met == [StoreUnavailable] * 2


# Polls that leap.


class Patient:
    """A board that is watched over, and the moments at which it was told ill."""

    def __init__(self, kind: type[LeapingPoller | Poller]) -> None:
        self.clock, self.told, self._answers = HeapClock(), list[float](), True
        answering: Any = lambda address: self._answers  # noqa: E731
        if kind is Poller:
            probes = VirtualProbes(self.clock, answering, lambda: None)
            self.poller: Any = Poller(self.clock, FIGURES, probes)
        else:
            self.poller = LeapingPoller(self.clock, FIGURES, answering)
        self.poller.watch("one", "192.0.2.1", ("ping",), self._failed)

    def _failed(self, _: str) -> None:
        self.told.append(self.clock.seconds())

    def answers(self, answers: bool) -> None:
        self._answers = answers
        if isinstance(self.poller, LeapingPoller):
            self.poller.changed("one")


def test_a_board_that_answers_again_meanwhile_is_not_told_ill() -> None:
    board = Patient(LeapingPoller)
    board.answers(False)
    board.poller.pause()
    board.answers(True)
    board.poller.go_on()
    board.clock.run_until(1000)
    assert board.told == []


@given(
    st.floats(1, 700),
    st.lists(st.tuples(st.floats(1, 60), st.floats(1, 400)), max_size=4),
)
def test_polls_that_leap_tell_when_those_that_are_made_tell(
    dies_at: float, pauses: list[tuple[float, float]]
) -> None:
    """Between two pauses, and in them, so many seconds pass."""

    def told(kind: type[LeapingPoller | Poller]) -> list[float]:
        board = Patient(kind)
        board.clock.callLater(dies_at, board.answers, False)
        board.clock.run_until(400)
        for between, seconds in pauses:
            board.clock.run_until(board.clock.seconds() + between)
            board.poller.pause()
            board.clock.run_until(board.clock.seconds() + seconds)
            board.poller.go_on()
        board.clock.run_until(4000)
        return board.told

    [leaping], [made] = told(LeapingPoller), told(Poller)
    assert leaping == pytest.approx(made, abs=0.1)


# A lab whose store goes away, and comes back.


def refuse(disk: VirtualDisk) -> None:
    disk.refuse()


def fall_silent(disk: VirtualDisk) -> None:
    disk.fall_silent(60)


def lab_without_store(at: Operation, leave: Callable[[VirtualDisk], None]) -> Lab:
    """Three boards that are reimaged; their store has just come back, which was away
    for a minute from the first such operation on."""
    lab = Lab(Plan(seed=1, boards=3, days=1, troubles=QUIET))

    def reached(operation: Operation, board: str) -> bool:
        if operation == at and not lab.disk.away:
            leave(lab.disk)
            lab.rules.outages.store_left()
        return False

    lab.switch_on()
    lab.run_until(202)  # between two writes of the service seconds
    lab.reached = reached
    assert lab.life is not None
    for name in lab.boards:
        asking = lab.life.fleet.request(name, "rq-reimage", {"image": IMAGE}, "test")
        asking.addErrback(lambda failure: None)
    lab.run_until(262)
    lab.reached = lambda operation, board: False
    lab.disk.come_back()
    lab.rules.outages.store_came_back()
    return lab


@pytest.mark.parametrize("leave", [refuse, fall_silent])
@pytest.mark.parametrize("at", ["written", "off asked", "on asked", "switched"])
def test_a_cycle_without_a_store_goes_on_with_its_return(
    at: Operation, leave: Callable[[VirtualDisk], None]
) -> None:
    lab = lab_without_store(at, leave)
    saved = dict(lab.disk.durable.standings)
    lab.run_until(264)
    for board, standing in saved.items():
        assert lab.disk.durable.standings[board].version > standing.version
    lab.run_until(HOUR)
    assert {each.state for each in lab.disk.durable.standings.values()} == {"Ready"}
    assert lab.disk.durable.owed == {}
    assert [outlet for rack in lab.racks.values() for outlet in rack.off] == []
    assert lab.tally.strikes == 0


# What is broken on purpose is caught.


def _do_not_say(self: Any) -> None:
    self._away = None


def _say_late(self: Any, error: StoreUnavailable) -> None:
    waiting, self._waiting = self._waiting, []
    for _, done in waiting:
        done.errback(error)
    _leave(self, error)


def _stay_where_it_is(self: Any) -> None:
    self._away = False


_leave = GroupWriter._leave
OUTAGES = replace(QUIET, store_outages=48, requests=24, failures=24)
BROKEN: list[tuple[str, type, str, Any]] = [
    ("counts", ServiceTime, "pause", lambda self: None),
    ("counts|beyond", ServiceTime, "go_on", lambda self: None),
    ("a poll was begun", Polls, "pause", lambda self: None),
    ("not know|not taken", GroupWriter, "_return", lambda self: None),
    ("not taken|beyond its deadline|lost", GroupWriter, "_return", _do_not_say),
    ("before lifeguard did", GroupWriter, "_leave", _say_late),
    ("beyond its|lost|not taken", ManagedBoard, "store_is_back", _stay_where_it_is),
    ("not taken", ManagedBoard, "store_is_back", lambda self: None),
]


@pytest.mark.parametrize(("text", "where", "name", "broken"), BROKEN)
def test_a_store_that_is_ill_served_is_caught(
    text: str,
    where: type,
    name: str,
    broken: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(RuleBroken, match=text):
        live(Plan(seed=1, boards=5, days=1, troubles=OUTAGES))


def test_a_writer_that_tries_too_seldom_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "TRIAL_SECONDS", 3.0)
    with pytest.raises(RuleBroken, match="rule 8 broken"):
        live(Plan(seed=1, boards=5, days=1, troubles=OUTAGES))


@pytest.mark.parametrize(
    ("text", "rate"), [("taken up within a second", 1e6), ("not taken up again", 1.0)]
)
def test_a_start_at_the_wrong_pace_is_caught(
    text: str, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Resumption.begin

    def begin_at_that_rate(self: Any, boards: Any, owed: Any) -> Any:
        self._interval = 1 / rate
        return begin(self, boards, owed)

    monkeypatch.setattr(Resumption, "begin", begin_at_that_rate)
    kills = replace(QUIET, kills=24, requests=4)
    with pytest.raises(RuleBroken, match=text):
        live(Plan(seed=1, boards=80, days=1, troubles=kills))
