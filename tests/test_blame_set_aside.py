"""An image that fails on several boards is set aside: saved first, and for good."""

from __future__ import annotations

from typing import Any

import pytest

from lifeguard.blame.inquiry import NotSetAside
from lifeguard.event import Impossible
from lifeguard.model import (
    Cause,
    Incident,
)
from lifeguard.store import StoreUnavailable
from tests.blame_rig import A, B, case
from tests.rig import EPOCH, Rig, reimaged, result_of


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
    assert parts.lab.store.kinds[-1:] == ["incident-opened"]
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
