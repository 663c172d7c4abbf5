"""A board that is given up by itself is an incident of its own."""

from __future__ import annotations

from msgspec.structs import replace

from lifeguard.blame.docket import Docket
from lifeguard.model import (
    Cause,
    Incident,
    Saved,
    Standing,
)
from tests.blame_rig import SETTINGS, A, Case, case
from tests.rig import EPOCH, FakeStore


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
