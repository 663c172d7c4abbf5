"""Relay boards that say themselves that they are ill, and who waits for them."""

from __future__ import annotations

from lifeguard.model import Cause, Incident, Saved, Standing
from tests.blame_rig import A, B, Case, case
from tests.rig import EPOCH, FakeStore, result_of


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


def test_what_people_are_told_says_what_it_is_about() -> None:
    parts = broken_rack()
    parts.inquiry.relay_board_is("rack1", "Working", "")
    for old, new in (("New", "FailedFlapping"), ("FailedFlapping", "New")):
        result_of(parts.lab.fleet.change("bare", old, new, "operator"))
    assert parts.lab.store.kinds == [
        "relay-board-broken",
        "relay-board-works",
        "given-up",
        "incident-closed",
    ]


def test_a_relay_board_that_breaks_in_an_incident_is_told_once() -> None:
    incident = Incident(
        id=1,
        cause=Cause("relay-board", "rack1"),
        opened=EPOCH,
        since=0.0,
        boards=(A[0],),
        failing=(A[0],),
        text="they fail",
    )
    standing = Standing(board=A[0], state="RebootComplete", since=EPOCH, version=1)
    saved = Saved(standings={A[0]: standing}, incidents=(incident,), last_incident=1)
    parts = case(saved, FakeStore([], saved=dict(saved.standings)))
    for _ in range(2):
        parts.inquiry.relay_board_is("rack1", "Broken", "no answer")
    assert parts.notices() == [
        "incident 1: relay board rack1 is broken: no answer;"
        " 1 board waits for it (panda-01)"
    ]
    assert parts.lab.store.kinds[-1:] == ["relay-board-broken"]


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
