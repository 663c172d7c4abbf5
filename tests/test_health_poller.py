"""Polling on a clock: when boards are asked, and when a failure is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from lifeguard.health.checks import BadCheck, CannotPoll, Missed
from lifeguard.health.poller import HealthStatus, Poller
from lifeguard.health.watch import first_pause
from tests.log_lines import log_lines


class Figures(Struct, frozen=True):
    every: float = 300.0
    retry: float = 10.0
    misses: int = 3
    timeout: float = 5.0
    brake: float = 0.2


class FakeProbes:
    """Does to each address what `fate` says: nothing, an answer or an error."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fate: dict[str, Exception | None] = {}
        self.asked: list[tuple[float, str]] = []
        self.open: list[Deferred[None]] = []
        self.when_cancelled: Exception | None = None

    def ping(self, address: str) -> Deferred[None]:
        return self._ask(address)

    def connect(self, address: str, port: int) -> Deferred[None]:
        return self._ask(f"{address}:{port}")

    def fetch(self, url: str) -> Deferred[None]:
        return self._ask(url)

    def _ask(self, what: str) -> Deferred[None]:
        self.asked.append((self.clock.seconds(), what))
        if what in self.fate:
            error = self.fate[what]
            return succeed(None) if error is None else fail(error)
        asking: Deferred[None] = Deferred(self._cancelled)
        self.open.append(asking)
        return asking

    def _cancelled(self, asking: Deferred[None]) -> None:
        self.open.remove(asking)
        if self.when_cancelled is not None:
            asking.errback(self.when_cancelled)


class Rig:
    """A poller on a clock; `told` lists when which failure was told."""

    def __init__(self, figures: Figures, at_once: int) -> None:
        self.clock = Clock()
        self.probes = FakeProbes(self.clock)
        self.poller = Poller(self.clock, figures, self.probes, at_once)
        self.told: list[tuple[float, str, str]] = []

    def watch(self, board: str, *checks: str, address: str | None = "A") -> Any:
        return self.poller.watch(
            board,
            address,
            checks,
            lambda reason: self.told.append((self.clock.seconds(), board, reason)),
        )

    def watch_many(self, count: int) -> list[str]:
        """Boards whose address is their name; all answer until told otherwise."""
        names = [f"b{number}" for number in range(count)]
        for name in names:
            self.watch(name, "ping", address=name)
            self.probes.fate[name] = None
        return names

    def run(self, seconds: float) -> None:
        """In steps, so that one timer's new timer is due in its own time."""
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and (
            next_ := min(call.getTime() for call in calls)
        ) <= end:
            self.clock.advance(next_ - self.clock.seconds())
        self.clock.advance(end - self.clock.seconds())


def rig(at_once: int = 200, **figures: Any) -> Rig:
    return Rig(Figures(**figures), at_once)


FIRST = first_pause("panda", 300.0)


@given(st.text(), st.floats(1, 1e6))
def test_the_first_poll_comes_in_the_second_half_of_the_interval(
    board: str, every: float
) -> None:
    assert every / 2 <= first_pause(board, every) <= every


def test_the_first_polls_of_many_boards_are_spread() -> None:
    pauses = [int(first_pause(f"panda-{number:02}", 300.0)) for number in range(1000)]
    assert max(pauses.count(second) for second in range(150, 300)) < 25


def test_a_board_that_answers_is_polled_at_the_interval() -> None:
    parts = rig()
    parts.probes.fate["A"] = None
    parts.watch("panda", "ping")
    parts.run(FIRST + 900)
    assert parts.probes.asked == [(FIRST + 300 * lap, "A") for lap in range(4)]
    assert parts.told == []


def test_a_silent_board_is_asked_again_soon_and_fails_at_the_last_miss() -> None:
    parts = rig()
    parts.watch("panda", "ping")
    parts.run(3000)
    assert parts.probes.asked == [
        (FIRST, "A"),
        (FIRST + 15, "A"),
        (FIRST + 30, "A"),
    ]
    reason = "ping: no answer within 5 s (misses in a row: 3)"
    assert parts.told == [(FIRST + 35, "panda", reason)]
    assert (parts.clock.getDelayedCalls(), parts.probes.open) == ([], [])
    assert parts.poller.status().polled == 0


def test_an_answer_makes_earlier_misses_nothing() -> None:
    parts = rig()
    parts.watch("panda", "ping")
    for _ in range(3):
        parts.probes.fate["A"] = Missed("refused")
        parts.run(FIRST + 15 if not parts.probes.asked else 300)
        parts.probes.fate["A"] = None
        parts.run(10)
    assert parts.told == []


def test_every_check_must_be_answered_and_the_reason_names_the_one_that_is_not() -> (
    None
):
    parts = rig(misses=1)
    web = "http://{address}:80/"
    parts.watch("panda", "ping", "tcp:22", web, "tcp:23")
    parts.probes.fate.update(
        {"A": None, "A:22": None, "http://A:80/": Missed("HTTP status 503")}
    )
    parts.run(FIRST)
    assert [what for _, what in parts.probes.asked] == ["A", "A:22", "http://A:80/"]
    reason = "http://{address}:80/: HTTP status 503 (misses in a row: 1)"
    assert parts.told == [(FIRST, "panda", reason)]


def test_without_checks_or_address_nothing_is_ever_asked() -> None:
    parts = rig()
    watches = [parts.watch("a"), parts.watch("b", "ping", address=None)]
    assert parts.clock.getDelayedCalls() == []
    assert parts.poller.status().polled == 0
    for watch in watches:
        watch.stop()


def test_a_text_that_is_no_check_is_refused_and_nothing_is_watched() -> None:
    parts = rig()
    with pytest.raises(BadCheck):
        parts.watch("panda", "ping", "pong")
    assert parts.clock.getDelayedCalls() == []


def test_a_poll_that_could_not_be_made_is_no_miss_and_is_made_again() -> None:
    parts = rig()
    parts.watch("panda", "ping")
    parts.probes.fate["A"] = CannotPoll("Network is unreachable")
    parts.run(FIRST + 1000)
    assert [at - FIRST for at, _ in parts.probes.asked] == [10 * n for n in range(101)]
    assert parts.told == []
    assert parts.poller.status().hindrances == {"ping: Network is unreachable": 1}


def test_a_check_that_cannot_be_made_does_not_hide_one_that_is_missed() -> None:
    parts = rig(misses=1)
    parts.watch("panda", "ping", "tcp:22")
    parts.probes.fate.update({"A": CannotPoll("no"), "A:22": Missed("refused")})
    parts.run(FIRST)
    assert parts.told == [(FIRST, "panda", "tcp:22: refused (misses in a row: 1)")]


def test_a_cause_is_logged_once_for_all_boards_and_once_when_it_is_over() -> None:
    parts = rig()
    with log_lines("health") as lines:
        names = parts.watch_many(10)
        for name in names:
            parts.probes.fate[name] = CannotPoll("no permission")
        parts.run(600)
        assert parts.poller.status().hindrances == {"ping: no permission": 10}
        for name in names:
            parts.probes.fate[name] = None
        parts.run(10)
    assert lines == [
        "cannot poll, which is no miss: ping: no permission",
        "polls are possible again: ping: no permission",
    ]
    assert parts.poller.status().hindrances == {}


def test_a_board_that_meets_another_cause_has_done_with_the_first() -> None:
    parts = rig()
    with log_lines("health") as lines:
        parts.watch("panda", "ping")
        for cause in ("no route", "no memory"):
            parts.probes.fate["A"] = CannotPoll(cause)
            parts.run(300)
    assert lines == [
        "cannot poll, which is no miss: ping: no route",
        "cannot poll, which is no miss: ping: no memory",
        "polls are possible again: ping: no route",
    ]
    assert parts.poller.status().hindrances == {"ping: no memory": 1}


def test_a_board_that_is_missed_could_be_polled() -> None:
    parts = rig()
    parts.watch("panda", "ping")
    parts.probes.fate["A"] = CannotPoll("no route")
    parts.run(FIRST)
    assert parts.poller.status().hindrances == {"ping: no route": 1}
    parts.probes.fate["A"] = Missed("refused")
    parts.run(10)
    assert parts.poller.status() == HealthStatus(1, False, (), {})


def test_a_fault_of_a_probe_is_logged_once_and_ends_no_watch(
    logged_failures: list[LogEvent],
) -> None:
    parts = rig()
    names = parts.watch_many(10)
    for name in names:
        parts.probes.fate[name] = ZeroDivisionError(name)
    parts.run(600)
    cause = "ping: a fault of lifeguard (ZeroDivisionError)"
    assert parts.poller.status() == HealthStatus(10, False, (), {cause: 10})
    assert [event["fault"] for event in logged_failures] == [cause]
    assert [event["log_failure"].type for event in logged_failures] == [
        ZeroDivisionError
    ]
    logged_failures.clear()
    parts.probes.fate = dict.fromkeys(names, Missed("refused"))
    parts.run(50)
    assert len(parts.told) == 4


@pytest.mark.parametrize("on_cancel", [None, Missed("cut short"), CannotPoll("cut")])
@pytest.mark.parametrize("since_first", [-1, 0, 1, 5, 12, 32])
def test_a_watch_that_was_stopped_is_not_heard_of_again(
    since_first: float, on_cancel: Exception | None
) -> None:
    parts = rig()
    parts.probes.when_cancelled = on_cancel
    watch = parts.watch("panda", "ping")
    parts.run(FIRST + since_first)
    asked = len(parts.probes.asked)
    watch.stop()
    watch.stop()
    assert (parts.clock.getDelayedCalls(), parts.probes.open) == ([], [])
    parts.run(1000)
    assert (len(parts.probes.asked), parts.told) == (asked, [])
    assert parts.poller.status() == HealthStatus(0, False, (), {})


def test_a_watch_may_be_stopped_by_whoever_hears_of_the_failure() -> None:
    parts = rig(misses=1)
    told: list[str] = []

    def failed(reason: str) -> None:
        told.append(reason)
        watch.stop()

    watch = parts.poller.watch("panda", "A", ("ping",), failed)
    parts.run(1000)
    assert told == ["ping: no answer within 5 s (misses in a row: 1)"]


def test_a_second_watch_of_a_board_ends_the_first() -> None:
    parts = rig()
    parts.probes.fate.update({"old": None, "new": None})
    first = parts.watch("panda", "ping", address="old")
    parts.watch("panda", "ping", address="new")
    parts.run(300)
    first.stop()
    parts.run(300)
    assert parts.probes.asked == [(FIRST, "new"), (FIRST + 300, "new")]


def test_stopping_the_service_stops_all_watches() -> None:
    parts = rig(at_once=2)
    for board in ("a", "b", "c", "d"):
        parts.watch(board, "ping", address=board)
    parts.run(300)
    parts.poller.stopService()
    assert (parts.clock.getDelayedCalls(), parts.probes.open) == ([], [])


def test_an_error_of_whoever_is_told_is_logged_and_harms_nobody(
    logged_failures: list[LogEvent],
) -> None:
    parts = rig(misses=1)
    parts.poller.watch("panda", "A", ("ping",), lambda reason: [][0])
    parts.run(300)
    assert [event["log_format"] for event in logged_failures] == [
        "{board}: its watch broke"
    ]
    logged_failures.clear()
    assert parts.poller.status().polled == 0


def test_polls_beyond_the_limit_wait_and_have_their_whole_time() -> None:
    parts = rig(at_once=2, every=0.001, misses=1, brake=1.0)
    for board in ("a", "b", "c", "d", "e"):
        parts.watch(board, "ping", address=board)
    parts.run(1)
    assert len(parts.probes.open) == 2
    parts.run(20)
    assert [round(at) for at, _ in parts.probes.asked] == [0, 0, 5, 5, 10]
    assert [round(at) for at, _, _ in parts.told] == [5, 5, 10, 10, 15]


def test_a_thousand_that_queue_and_fail_on_the_spot_do_not_nest() -> None:
    parts = rig(at_once=1, every=0.001, timeout=1.0)
    parts.watch("silent", "ping", address="silent")
    parts.run(0.01)
    names = parts.watch_many(1000)
    for name in names:
        parts.probes.fate[name] = CannotPoll("down")
    parts.clock.advance(0.5)
    parts.clock.advance(1)
    assert parts.poller.status().hindrances == {"ping: down": 1000}


def braked(boards: int = 20) -> tuple[Rig, list[str], list[str]]:
    """A lab of which half falls silent at once; all boards, and those told."""
    parts = rig(misses=1, every=30.0)
    names = parts.watch_many(boards)
    parts.run(100)
    for name in names[: boards // 2]:
        parts.probes.fate[name] = Missed("refused")
    parts.run(60)
    return parts, names, [board for _, board, _ in parts.told]


def test_when_many_boards_fail_at_once_most_are_not_told() -> None:
    with log_lines("health") as lines:
        parts, names, told = braked()
    assert len(told) == 4
    status = parts.poller.status()
    assert (status.braked, status.polled) == (True, 16)
    assert {*status.withheld, *told} == set(names[:10])
    assert lines == [
        "5 of 20 boards failed within 120 s; this is taken for lifeguard's own"
        " network, and no more failures are told until boards answer again or a"
        " person releases the brake"
    ]


def test_when_boards_answer_again_the_brake_goes_off_and_nobody_was_told() -> None:
    parts, names, told = braked()
    with log_lines("health") as lines:
        for name in names:
            parts.probes.fate[name] = None
        parts.run(10)
    assert lines == ["the brake is off: boards answer again, or are polled no more"]
    assert parts.poller.status() == HealthStatus(16, False, (), {})
    assert [board for _, board, _ in parts.told] == told


def test_when_nothing_withheld_is_polled_any_more_the_brake_goes_off() -> None:
    parts, _, _ = braked()
    with log_lines("health") as lines:
        for board in parts.poller.status().withheld:
            parts.watch(board)
    assert lines == ["the brake is off: boards answer again, or are polled no more"]
    assert parts.poller.status() == HealthStatus(10, False, (), {})


def test_when_a_person_releases_the_brake_those_that_still_fail_are_told() -> None:
    parts, _, told = braked()
    withheld = parts.poller.status().withheld
    parts.probes.fate[withheld[0]] = None
    parts.run(10)
    parts.poller.release()
    parts.run(10)
    assert {board for _, board, _ in parts.told} == {*told, *withheld[1:]}
    assert parts.poller.status() == HealthStatus(11, False, (), {})


def test_all_watches_are_one_timer_while_nothing_happens() -> None:
    parts = rig()
    parts.watch_many(500)
    parts.run(1000)
    assert len(parts.clock.getDelayedCalls()) == 1
    parts.poller.stopService()
    assert parts.clock.getDelayedCalls() == []


# While nothing that is found could be saved.


def test_no_poll_begins_in_a_pause_and_each_does_once_after_it() -> None:
    parts = Rig(Figures(), at_once=200)
    names = parts.watch_many(3)
    parts.poller.pause()
    parts.run(600)
    assert parts.probes.asked == []
    parts.poller.go_on()
    parts.run(1)
    assert sorted(what for _, what in parts.probes.asked) == names
    parts.poller.stopService()


def test_a_watch_that_ends_in_a_pause_polls_no_more() -> None:
    parts = Rig(Figures(), at_once=200)
    parts.probes.fate["A"] = None
    watch = parts.watch("b1", "ping")
    parts.poller.pause()
    parts.run(600)
    watch.stop()
    parts.poller.go_on()
    parts.run(600)
    assert parts.probes.asked == []
