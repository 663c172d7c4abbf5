"""What lasts is taken up again board after board, at a rate."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from twisted.logger import LogEvent

from lifeguard.board import GRACE_SECONDS
from lifeguard.config.settings import RESUME_RATE
from lifeguard.model import Outlet, Owed, Saved, Standing
from tests.rig import EPOCH, Rig, inventory, result_of, rig

STANDING = Standing(
    board="panda-01",
    state="RebootRebooting",
    since=EPOCH,
    version=3,
    stay=2,
    generation=1,
    deadline=110.0,
)


def resumed(standing: Standing, boards: int = 4, **saved: Any) -> Rig:
    """So many boards, all of which stood like this one."""
    names = [f"panda-{number:02d}" for number in range(1, boards + 1)]
    standings = {name: replace(standing, board=name) for name in names}
    return rig(
        inventory(boards=boards),
        Saved(service_seconds=100.0, standings=standings, **saved),
    )


def ordered(parts: Rig) -> list[str]:
    return [said[1] for said in parts.said if said[0] == "cycle"]


def polled(parts: Rig) -> list[str]:
    return [said[1] for said in parts.said if said[0] == "poll"]


def test_power_cycles_are_ordered_anew_one_after_the_other() -> None:
    parts = resumed(STANDING)
    assert ordered(parts) == ["panda-01"]
    parts.clock.advance(1 / RESUME_RATE)
    assert ordered(parts) == ["panda-01", "panda-02"]
    parts.clock.pump([1 / RESUME_RATE] * 10)
    assert ordered(parts) == ["panda-01", "panda-02", "panda-03", "panda-04"]


def test_polls_are_begun_one_after_the_other() -> None:
    ready = replace(STANDING, state="Ready", deadline=300.0)
    parts = resumed(ready, boards=2)
    assert polled(parts) == ["panda-01"]
    parts.clock.advance(1 / RESUME_RATE)
    assert polled(parts) == ["panda-01", "panda-02"]


def test_what_is_owed_comes_before_all_of_it() -> None:
    parts = resumed(STANDING, owed=(Owed(Outlet("rack1", "1/1"), "panda-01", 1),))
    assert parts.said[0] == ("owe", "rack1/1/1")


def test_a_board_that_waits_for_its_turn_is_not_struck_for_that() -> None:
    parts = resumed(replace(STANDING, deadline=100.01), boards=4)
    parts.clock.pump([1 / RESUME_RATE] * 10)
    for board in parts.fleet.boards.values():
        assert board.standing.strikes == {}


def test_what_was_left_before_its_turn_is_not_taken_up() -> None:
    parts = resumed(STANDING, boards=2)
    parts.request("rq-maintenance", "panda-02")
    parts.forget()
    parts.clock.advance(1)
    assert parts.said == []


def test_a_deadline_that_ran_out_in_the_downtime_of_nobody_is_kept_at_once() -> None:
    parts = resumed(replace(STANDING, state="RebootComplete"), boards=3)
    parts.clock.advance(10)
    assert {board.standing.state for board in parts.fleet.boards.values()} == {
        "New",  # the bare board
        "RebootRebooting",
    }


def test_a_stopped_fleet_takes_up_nothing_more() -> None:
    parts = resumed(STANDING, boards=3)
    result_of(parts.fleet.about("panda-01").cycle_started(2))
    parts.fleet.stopService()
    assert parts.clock.getDelayedCalls() == []


def test_a_board_that_was_renewed_before_its_turn_is_not_polled_twice() -> None:
    ready = replace(STANDING, state="Ready", deadline=100.01)
    waiting = int(RESUME_RATE * (GRACE_SECONDS + 1))
    parts = resumed(ready, boards=waiting)
    parts.clock.pump([1 / RESUME_RATE] * 2 * waiting)
    polls = polled(parts)
    assert (len(polls), len(set(polls))) == (254, 254)  # those that have an address


def test_no_timeout_comes_before_boards_could_be_heard() -> None:
    complete = replace(STANDING, state="RebootComplete", deadline=100.1)
    parts = resumed(complete, boards=2)
    parts.clock.advance(GRACE_SECONDS - 0.1)
    parts.happens("image-running", "panda-01")
    parts.clock.advance(0.2)
    assert parts.state("panda-01") == "Ready"
    assert parts.state("panda-02") == "RebootRebooting"


def test_nothing_is_taken_up_while_the_store_is_away() -> None:
    parts = resumed(STANDING, boards=5)
    parts.store.leave()
    parts.clock.pump([1 / RESUME_RATE] * 50)
    parts.store.come_back()
    parts.clock.advance(1 / RESUME_RATE)
    assert len(ordered(parts)) == 2


def test_a_board_that_cannot_be_taken_up_leaves_no_other_behind(
    logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = resumed(STANDING, boards=3)

    def broken() -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(parts.board("panda-02"), "take_up", broken)
    parts.clock.pump([1 / RESUME_RATE] * 5)
    assert ordered(parts) == ["panda-01", "panda-03"]
    assert len(logged_failures) == 1
    logged_failures.clear()
