"""From committed changes to incidents: what is saved, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from lifeguard.blame.docket import Docket
from lifeguard.blame.inquiry import Inquiry, NotSetAside
from lifeguard.config import Blame
from lifeguard.event import Impossible
from lifeguard.model import (
    Cause,
    Image,
    Incident,
    Inventory,
    Outlet,
    RelayBoard,
    Saved,
    Standing,
)
from lifeguard.store import StoreUnavailable
from tests.rig import EPOCH, FakeStore, Rig, inventory, reimaged, result_of, rig

SETTINGS = Blame(settle=60, patience=10000)
A = [f"panda-{n:02d}" for n in range(1, 9)]
"""The boards of rack1."""
B = [f"panda-{n:02d}" for n in range(9, 17)]
"""The boards of rack2."""


def two_racks() -> Inventory:
    lab = inventory(boards=16)
    rack1 = lab.relay_boards["rack1"]
    boards = {
        name: replace(board, power=(Outlet("rack2", board.power[0].rest),))
        for name, board in lab.boards.items()
        if name in B
    }
    return replace(
        lab,
        relay_boards={"rack1": rack1, "rack2": _named(rack1, "rack2")},
        images={**lab.images, "new": Image(name="new", boot=lab.images["debian"].boot)},
        boards={**lab.boards, **boards},
    )


def _named(relay_board: RelayBoard, name: str) -> RelayBoard:
    return replace(relay_board, name=name)


class Case(NamedTuple):
    """A lab and the inquiry into it."""

    lab: Rig
    inquiry: Inquiry
    told: list[None]

    def open(self) -> dict[str, Incident]:
        """What is saved, by cause."""
        return {
            str(incident.cause): incident
            for incident in self.lab.store.judged.values()
            if incident.closed is None
        }

    def notices(self) -> list[str]:
        """Since the last time."""
        notices, self.lab.store.notices = self.lab.store.notices, []
        return notices

    def states(self, *boards: str) -> list[str]:
        return [self.lab.state(board) for board in boards]

    def strike(self, *boards: str) -> None:
        """Each of them is cycled, if that is its turn, and then never reports."""
        for board in boards:
            if "Rebooting" in self.lab.state(board):
                self.lab.cycled(board)
        self.lab.clock.advance(700)

    def release(self, image: str) -> None:
        result_of(Deferred.fromCoroutine(self.inquiry.release(image)))

    def hold(self, board: str, patience: float = 86400.0) -> None:
        """Its power cycle waits for a relay board that is ill."""
        generation = self.lab.board(board).standing.generation
        self.lab.fleet.cycle_held(board, generation, "rack1 is suspect", patience)

    def broken_image(self, *boards: str, strikes: int = 3) -> None:
        """They are asked for an image that never boots."""
        for board in boards:
            self.lab.request("rq-reimage", board, image="new")
        for _ in range(strikes):
            for board in boards:
                if self.lab.state(board) == "ReimageRebooting":
                    self.lab.cycled(board)
            self.lab.clock.advance(180)

    def restarted(self, meanwhile: Callable[[Rig], None] | None = None) -> Case:
        """After a kill -9: what was saved, and nothing else.

        `meanwhile` is done with the lab before the inquiry begins.
        """
        self.inquiry.stop()
        self.lab.fleet.stopService()
        store = self.lab.store
        saved = Saved(
            service_seconds=self.lab.service_time.now(),
            standings=dict(store.saved),
            incidents=tuple(self.open().values()),
            last_incident=max(store.judged, default=0),
        )
        store.presences.clear()
        return case(saved, store, meanwhile=meanwhile)


def case(
    saved: Saved | None = None,
    store: FakeStore | None = None,
    settings: Blame = SETTINGS,
    meanwhile: Callable[[Rig], None] | None = None,
) -> Case:
    """Sixteen boards of two racks; at first all are Ready with debian."""
    lab, told = rig(two_racks(), saved, store), list[None]()
    lab.fleet.docket.patience = settings.patience
    inquiry = Inquiry(
        lab.fleet,
        lab.store,
        settings,
        lab.clock,
        lab.service_time,
        lambda: lab.fleet._wall(),
        lambda: told.append(None),
    )
    lab.store.tell(inquiry)
    inquiry.load(saved or Saved())
    lab.fleet.subscribe(inquiry.changed)
    if meanwhile is not None:
        meanwhile(lab)
    inquiry.begin(saved or Saved())
    lab.clock.pump([0] * 4)
    if saved is None:
        for board in (*A, *B):
            reimaged(lab, board)
        lab.store.notices.clear()
    return Case(lab, inquiry, told)


# Images.


def test_an_image_that_fails_on_three_boards_is_set_aside() -> None:
    parts = case()
    parts.broken_image(*A[:3])
    text = (
        "image new is set aside: it failed (first in ReimageBooting) on panda-01,"
        " panda-02 and panda-03 since 2026-01-01 00:03:00 UTC, which all did well with"
        " debian, and it did well on no board since; POST"
        " /api/v1/images/new/release takes it back"
    )
    incident = parts.open()["image new"]
    assert (incident.text, incident.boards, incident.set_aside) == (
        text,
        tuple(A[:3]),
        True,
    )
    assert parts.notices() == [f"incident 1: {text}"]
    with pytest.raises(Impossible, match="image new is set aside"):
        parts.lab.request("rq-reimage", "panda-09", image="new")


def test_boards_that_were_to_install_it_go_back_to_their_image() -> None:
    parts = case()
    parts.lab.request("rq-reimage", "panda-09", image="new")
    parts.broken_image(*A[:3])
    assert parts.states(*A[:4], "panda-09") == [
        *["RebootRebooting"] * 3,
        "Ready",
        "RebootRebooting",
    ]
    parts.lab.cycled("panda-01")
    parts.lab.happens("image-running", "panda-01")
    assert parts.lab.board("panda-01").standing.image == "debian"


def test_of_two_that_fail_at_once_none_is_set_aside() -> None:
    parts = case()
    for board in A[:3]:
        parts.lab.request("rq-reimage", board, image="new")
    for board in B[:3]:
        parts.lab.request("rq-reimage", board, image="debian")
    for _ in range(5):
        for board in (*A[:3], *B[:3]):
            if parts.lab.state(board) == "ReimageRebooting":
                parts.lab.cycled(board)
        parts.lab.clock.advance(180)
    assert parts.open() == {}
    assert parts.lab.state(B[3]) == "Ready"
    reimaged(parts.lab, B[3])
    assert list(parts.open()) == ["image new"]


def test_boards_that_have_no_other_image_wait_for_one() -> None:
    parts = case()
    parts.lab.request("rq-reimage", "panda-09", image="new")
    parts.lab.cycled("panda-09")
    parts.lab.happens("installer-running", "panda-09")
    parts.broken_image(*A[:3])
    assert parts.states("panda-09") == ["NoImage"]
    assert parts.lab.board("panda-09").standing.deadline is None


def test_a_board_that_asked_while_it_was_judged_gets_it_no_more() -> None:
    parts = case()
    parts.broken_image(*A[:3], strikes=2)
    parts.lab.store.holds = True
    asked = parts.lab.fleet.request("panda-09", "rq-reimage", {"image": "new"}, "me")
    parts.lab.store.holds = False
    for board in A[:3]:
        parts.lab.cycled(board)
    parts.lab.clock.advance(180)
    parts.lab.store.held.pop()()
    assert result_of(asked).state == "ReimageRebooting"
    assert parts.states("panda-09") == ["RebootRebooting"]


def test_it_survives_a_kill_and_so_do_those_that_were_to_install_it() -> None:
    parts = case()
    parts.broken_image(*A[:3])
    again = parts.restarted()
    with pytest.raises(Impossible, match="image new is set aside"):
        again.lab.request("rq-reimage", "panda-09", image="new")


def test_a_kill_between_the_judgement_and_what_follows_loses_nothing() -> None:
    parts = case()
    parts.broken_image(*A[:3], strikes=2)
    for board in A[:3]:
        parts.lab.cycled(board)
    standings = dict(parts.lab.store.saved)
    parts.lab.clock.advance(180)
    parts.lab.store.saved.update(standings)
    again = parts.restarted()
    assert again.states(*A[:3]) == ["RebootRebooting"] * 3


def test_evidence_of_before_a_kill_counts_after_it() -> None:
    parts = case()
    parts.broken_image(*A[:3], strikes=2)
    again = parts.restarted()
    assert again.open() == {}
    again.lab.clock.advance(1)
    for board in A[:3]:
        again.lab.cycled(board)
    again.lab.clock.advance(180)
    assert again.open()["image new"].boards == tuple(A[:3])


def test_a_kill_between_the_evidence_and_the_judgement_only_delays_that() -> None:
    parts = case()
    store = parts.lab.store
    save, store.save_incident = store.save_incident, _away  # type: ignore[method-assign]
    parts.broken_image(*A[:3])
    for board in B:
        parts.lab.request("rq-reboot", board)
    parts.strike(*B)
    parts.strike(*B)
    store.save_incident = save  # type: ignore[method-assign]
    assert parts.open() == {}
    again = parts.restarted()
    assert list(again.open()) == ["image new", "relay board rack2"]
    assert again.open()["relay board rack2"].failing == tuple(B)


def test_what_a_person_has_asked_for_since_is_not_judged_after_a_kill() -> None:
    parts = case()
    store = parts.lab.store
    save, store.save_incident = store.save_incident, _away  # type: ignore[method-assign]
    for board in B:
        parts.lab.request("rq-reboot", board)
    parts.strike(*B)
    parts.strike(*B)
    for board in B:
        parts.lab.request("rq-maintenance", board)
    store.save_incident = save  # type: ignore[method-assign]
    assert parts.restarted().open() == {}


def test_what_happens_while_a_start_waits_for_its_ports_counts_too() -> None:
    parts = case()
    parts.broken_image(*A[:3], strikes=2)
    for board in A[:3]:
        parts.lab.cycled(board)

    def fail(lab: Rig) -> None:
        lab.clock.advance(180)
        lab.clock.advance(0)

    again = parts.restarted(fail)
    assert list(again.open()) == ["image new"]


def test_nothing_follows_before_it_is_saved() -> None:
    parts = case()
    parts.broken_image(*A[:3], strikes=2)
    for board in A[:3]:
        parts.lab.cycled(board)
    store = parts.lab.store
    save, store.save_incident = store.save_incident, _away  # type: ignore[method-assign]
    parts.lab.clock.advance(180)
    assert parts.states(*A[:3]) == ["ReimageRebooting"] * 3
    assert parts.lab.fleet.docket.failed_image("new") is None
    store.save_incident = save  # type: ignore[method-assign]
    parts.inquiry.store_is_back()
    assert parts.states(*A[:3]) == ["RebootRebooting"] * 3
    parts.inquiry.stop()


def _away(_: object) -> Any:
    raise StoreUnavailable("away")


def test_boards_that_fail_until_it_is_saved_belong_to_the_same_incident() -> None:
    parts = case()
    store = parts.lab.store
    save, store.save_incident = store.save_incident, _away  # type: ignore[method-assign]
    parts.broken_image(*A[:6])
    store.save_incident = save  # type: ignore[method-assign]
    parts.inquiry.store_is_back()
    assert list(store.judged) == [1]
    assert parts.open()["image new"].boards == tuple(A[:6])
    assert parts.states(*A[:6]) == ["RebootRebooting"] * 6
    parts.inquiry.stop()


def test_an_operator_takes_it_back_and_what_it_failed_by_is_forgotten() -> None:
    parts = case()
    parts.broken_image(*A[:3])
    parts.notices()
    parts.release("new")
    assert parts.open() == {}
    assert parts.notices() == [
        "incident 1 is closed: image new: taken back by an operator"
    ]
    parts.broken_image("panda-01", strikes=1)
    assert parts.open() == {}
    with pytest.raises(NotSetAside):
        parts.release("new")


# What boards share.


def test_boards_of_one_relay_board_make_one_incident_and_collect_no_strikes() -> None:
    parts = case()
    for board in A:
        parts.lab.request("rq-reboot", board)
    parts.strike(*A)
    parts.strike(*A)
    assert list(parts.open()) == ["relay board rack1"]
    assert parts.open()["relay board rack1"].failing == tuple(A)
    for _ in range(12):
        parts.strike(*A)
    assert set(parts.states(*A)) <= {"RebootRebooting", "RebootComplete"}
    row = [row for row in parts.lab.store.rows if row.board == A[0]][-1]
    assert row.reason == "no strike: incident 1, relay board rack1"


def test_it_is_closed_when_half_of_its_boards_do_well_again() -> None:
    parts = case()
    for board in A:
        parts.lab.request("rq-reboot", board)
    parts.strike(*A)
    parts.strike(*A)
    parts.strike(*A)
    assert parts.open()["relay board rack1"].failing == tuple(A)
    for board in A[:3]:
        if parts.lab.state(board) == "RebootRebooting":
            parts.lab.cycled(board)
        parts.lab.happens("image-running", board)
    assert parts.open()["relay board rack1"].failing == tuple(A[3:])
    parts.lab.cycled(A[3])
    parts.lab.happens("image-running", A[3])
    assert parts.open() == {}
    assert parts.notices()[-1] == (
        "incident 1 is closed: relay board rack1: no more than 4 of its 8 boards still"
        " fail"
    )


def test_its_patience_has_an_end() -> None:
    parts = case(settings=replace(SETTINGS, patience=5000))
    for board in A:
        parts.lab.request("rq-reboot", board)
    for _ in range(20):
        parts.strike(*A)
    assert parts.states(*A) == ["FailedRebootComplete"] * 8
    assert list(parts.open()) == ["relay board rack1"]
    told = [text for text in parts.notices() if "--> FailedRebootComplete" in text]
    assert len(told) == 8


def test_what_is_not_in_the_inventory_any_more_is_no_incident() -> None:
    causes = [Cause("board", "gone"), Cause("image", "gone"), Cause("image", "debian")]
    incidents = [
        Incident(
            id=number,
            cause=cause,
            opened=EPOCH,
            since=0.0,
            boards=("gone",),
            failing=("gone",) if cause.kind == "board" else (),
            text="it failed",
            set_aside=cause.kind == "image",
        )
        for number, cause in enumerate(causes, start=1)
    ]
    store = FakeStore([], judged={each.id: each for each in incidents})
    parts = case(Saved(incidents=tuple(incidents), last_incident=3), store)
    assert list(parts.open()) == ["image debian"]


def test_a_kill_ends_neither_the_incident_nor_its_excuse() -> None:
    parts = case()
    for board in A:
        parts.lab.request("rq-reboot", board)
    for _ in range(3):
        parts.strike(*A)
    again = parts.restarted()
    for _ in range(12):
        again.strike(*A)
    assert set(again.states(*A)) <= {"RebootRebooting", "RebootComplete"}
    assert list(again.open()) == ["relay board rack1"]


# Relay boards that say themselves that they are ill.


def broken_rack() -> Case:
    """Two boards wait for rack1, and are told so."""
    parts = case()
    for board in A[:2]:
        parts.lab.request("rq-reboot", board)
        parts.hold(board)
    parts.inquiry.relay_board_is("rack1", "Suspect", "no answer")
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    return parts


def test_a_broken_relay_board_is_an_incident_of_those_that_wait_for_it() -> None:
    parts = broken_rack()
    incident = parts.open()["relay board rack1"]
    assert (incident.text, incident.boards) == (
        "relay board rack1 is broken: no answer;"
        " 2 boards wait for it (panda-01 and panda-02)",
        ("panda-01", "panda-02"),
    )
    parts.lab.request("rq-reboot", A[2])
    parts.hold(A[2])
    assert parts.open()["relay board rack1"].failing == tuple(A[:3])


def test_who_waits_for_it_is_not_blamed_on_something_else_beside() -> None:
    parts = case()
    for board in (*A[:4], B[0]):
        parts.lab.request("rq-reimage", board, image="new")
    parts.strike(*A[:4])
    parts.strike(*A[:4])
    for board in A[:4]:
        parts.hold(board)
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    parts.strike(B[0])
    parts.strike(B[0])
    assert {cause: each.failing for cause, each in parts.open().items()} == {
        "relay board rack1": tuple(A[:4])
    }


def test_it_lasts_until_the_relay_board_works_again() -> None:
    parts = broken_rack()
    for board in A[:2]:
        parts.lab.cycled(board)
        parts.lab.happens("image-running", board)
    assert parts.open()["relay board rack1"].failing == ()
    parts.notices()
    parts.inquiry.relay_board_is("rack1", "Working", "")
    assert parts.open() == {}
    assert parts.notices() == [
        "incident 1 is closed: relay board rack1: it works again"
    ]


def test_a_hiccup_of_it_does_not_end_what_its_boards_fail_by_together() -> None:
    parts = case()
    for board in A:
        parts.lab.request("rq-reboot", board)
    parts.strike(*A)
    parts.strike(*A)
    parts.inquiry.relay_board_is("rack1", "Suspect", "no answer")
    parts.inquiry.relay_board_is("rack1", "Working", "")
    assert parts.open()["relay board rack1"].failing == tuple(A)
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    parts.inquiry.relay_board_is("rack1", "Working", "")
    assert parts.open() == {}


def test_after_a_kill_too_it_lasts_until_the_relay_board_works_again() -> None:
    again = broken_rack().restarted()
    assert again.open()["relay board rack1"].failing == tuple(A[:2])
    again.inquiry.relay_board_is("rack1", "Suspect", "no answer")
    again.inquiry.relay_board_is("rack1", "Working", "")
    assert again.open() == {}


def test_after_a_kill_a_power_cycle_shows_that_it_works() -> None:
    again = broken_rack().restarted()
    again.notices()
    again.lab.request("rq-reboot", A[5])
    again.lab.cycled(A[5])
    assert again.open() == {}
    assert again.notices() == [
        "incident 1 is closed: relay board rack1: it works again"
    ]


def test_what_nobody_waits_for_at_a_start_is_closed() -> None:
    parts = case()
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    assert list(parts.open()) == ["relay board rack1"]
    assert parts.restarted().open() == {}


def test_boards_that_were_given_up_are_incidents_when_theirs_is_closed() -> None:
    parts = broken_rack()
    parts.lab.clock.advance(100000)
    assert parts.states(*A[:2]) == ["FailedRebootRebooting"] * 2
    assert list(parts.open()) == ["relay board rack1"]
    gave_up = "RebootRebooting -- timeout --> FailedRebootRebooting"
    assert [gave_up in text for text in parts.notices()[-2:]] == [True, True]
    parts.inquiry.relay_board_is("rack1", "Working", "")
    assert list(parts.open()) == ["board panda-01", "board panda-02"]
    assert parts.notices() == [
        "incident 1 is closed: relay board rack1: it works again"
    ]  # that they were given up was told when no incident excused them any more


def test_whom_it_excuses_is_told_of_only_when_it_is_closed() -> None:
    parts = case()
    parts.lab.request("rq-reboot", A[0])
    parts.hold(A[0], patience=5000)
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    parts.notices()
    parts.lab.clock.advance(5000)
    parts.lab.clock.advance(0)
    assert parts.states(A[0]) == ["FailedRebootRebooting"]
    assert parts.notices() == []
    parts.inquiry.relay_board_is("rack1", "Working", "")
    assert parts.notices()[1:] == ["incident 2: board panda-01: FailedRebootRebooting"]


def test_whom_an_image_was_blamed_for_is_told_of_when_it_is_set_aside() -> None:
    parts = case()
    incident = Incident(
        id=9,
        cause=Cause("image", "new"),
        opened=EPOCH,
        since=0.0,
        boards=(A[4],),
        failing=(A[4],),
        text="image new: it fails",
    )
    parts.inquiry._register.change(incident)
    result_of(parts.lab.fleet.change(A[4], "Ready", "FailedReimageBooting", "me"))
    assert list(parts.open()) == ["image new"]
    parts.broken_image(*A[:3])
    assert parts.open()["image new"].set_aside
    assert parts.open()["board panda-05"].failing == ("panda-05",)


# Boards.


def test_a_board_that_is_given_up_alone_is_an_incident_until_it_is_taken_up() -> None:
    parts = case()
    parts.lab.request("rq-reboot", A[0])
    for _ in range(12):
        parts.strike(A[0])
    [(cause, incident)] = parts.open().items()
    assert (cause, incident.text) == (
        "board panda-01",
        "board panda-01: RebootComplete -- timeout --> FailedRebootComplete:"
        " strike 11, 10 allowed: given up",
    )
    assert len(parts.notices()) == 1
    parts.lab.request("rq-reboot", A[0])
    assert parts.open() == {}
    assert parts.notices() == [
        "incident 1 is closed: board panda-01: it came to RebootRebooting"
    ]


def failed_long_ago(last_incident: int) -> Case:
    """A start that finds a board given up, and no incident that says so."""
    standing = Standing(
        board=A[0], state="FailedRebootComplete", since=EPOCH, version=1
    )
    saved = Saved(standings={A[0]: standing}, last_incident=last_incident)
    return case(saved, FakeStore([], saved=dict(saved.standings)))


def test_what_was_told_before_there_were_incidents_is_not_told_again() -> None:
    parts = failed_long_ago(last_incident=0)
    assert list(parts.open()) == ["board panda-01"]
    assert parts.notices() == []


def test_who_may_have_been_excused_until_a_kill_is_told_of_after_it() -> None:
    parts = failed_long_ago(last_incident=3)
    assert parts.notices() == ["incident 4: board panda-01: FailedRebootComplete"]


def test_boards_that_were_given_up_alone_come_to_fail_together() -> None:
    parts = case(settings=replace(SETTINGS, window=100000))
    for board in A[:4]:
        parts.lab.request("rq-reboot", board)
    for _ in range(12):
        parts.strike(*A[:4])
    assert list(parts.open()) == [f"board {board}" for board in A[:4]]
    parts.lab.request("rq-reboot", A[4])
    parts.strike(A[4])
    parts.strike(A[4])
    assert list(parts.open()) == ["relay board rack1"]
    assert parts.notices()[-5:-1] == [
        f"incident {n} is closed: board {board}: blamed on relay board rack1"
        for n, board in enumerate(A[:4], start=1)
    ]


def test_who_joins_an_incident_has_none_of_its_own_beside_it() -> None:
    parts = case()
    parts.lab.request("rq-reboot", A[2])
    for _ in range(10):
        parts.strike(A[2])
    parts.lab.cycled(A[2])
    parts.lab.request("rq-reboot", A[0])
    parts.hold(A[0])
    parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    parts.notices()
    # It is given up before what it failed by until the kill is recalled.
    again = parts.restarted(lambda lab: lab.clock.advance(700))
    assert again.states(A[2]) == ["FailedRebootComplete"]
    assert again.open()["relay board rack1"].failing == (A[0], A[2])
    assert again.notices()[-1] == (
        f"incident 2 is closed: board {A[2]}: blamed on relay board rack1"
    )
    assert list(again.open()) == ["relay board rack1"]


def test_who_is_blamed_alone_no_more_is_excused_all_the_same() -> None:
    docket, shared = Docket(), Cause("relay-board", "rack1")
    alone = Incident(
        id=1,
        cause=Cause("board", A[0]),
        opened=EPOCH,
        since=0.0,
        boards=(A[0],),
        failing=(A[0],),
        text="",
    )
    docket.take(alone)
    docket.take(replace(alone, id=2, cause=shared))
    docket.take(replace(alone, closed=EPOCH))
    assert docket.blamed(A[0], now=1.0) == (2, shared, True)


def test_flapping_is_never_excused_and_says_its_window() -> None:
    parts = case()
    for board in A:
        parts.lab.request("rq-reboot", board)
    for _ in range(3):
        parts.strike(*A)
    for _ in range(11):
        if parts.lab.state(A[0]) == "RebootRebooting":
            parts.lab.cycled(A[0])
        parts.lab.happens("image-running", A[0])
        parts.lab.poller.watches[A[0]].failed("no answer")
    assert parts.states(A[0]) == ["FailedFlapping"]
    assert parts.lab.store.rows[-1].reason == (
        "no answer; strike 11, 10 allowed, forgotten after 86400 s without one:"
        " given up"
    )
