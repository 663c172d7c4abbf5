"""Boards that fail by what they share make one incident, which excuses them."""

from __future__ import annotations

from msgspec.structs import replace

from lifeguard.model import (
    Cause,
    Incident,
    Saved,
)
from tests.blame_rig import SETTINGS, A, case
from tests.rig import EPOCH, FakeStore


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


def test_what_they_failed_by_before_a_person_asked_for_something_else_is_past() -> None:
    parts = case()
    for _ in range(3):
        for board in A:
            parts.lab.request("rq-reboot", board)
        parts.strike(*A)
        assert parts.open() == {}
    parts.strike(*A)
    assert list(parts.open()) == ["relay board rack1"]
