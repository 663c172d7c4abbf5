"""A board whose store goes away, and one that a kill -9 has stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail
from twisted.logger import LogEvent

from lifeguard.model import Outlet, Owed, Saved, Standing
from lifeguard.store import StoreError, StoreUnavailable
from tests.rig import (
    EPOCH,
    FakeStore,
    Rig,
    again,
    reimaged,
    result_of,
    rig,
    seen,
)

# The store.


def test_an_absent_store_acknowledges_nothing_and_begins_nothing() -> None:
    parts = reimaged(rig())
    parts.store.leave()
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    assert parts.said == []
    assert parts.state() == "Ready"
    parts.store.come_back()
    parts.request("rq-reboot")
    assert parts.state() == "RebootRebooting"


def test_own_events_are_kept_until_the_store_is_back() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.leave()
    parts.fleet.about("panda-01").cycle_ended(1, None)
    parts.clock.advance(30)
    assert parts.state() == "RebootRebooting"
    parts.store.come_back()
    assert parts.state() == "RebootComplete"


def test_no_power_cycle_begins_without_a_store_and_it_is_ordered_anew_after() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.store.leave()
    assert not result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.clock.pump([1.0] * 30)
    assert parts.said[-1] == ("cycle", "panda-01", 1, "rack1/1/1")
    parts.store.come_back()
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")
    parts.cycled()
    assert (parts.state(), parts.board().standing.strikes) == ("RebootComplete", {})


def test_a_turn_that_comes_without_a_store_cycles_nobody_taken_away_since() -> None:
    parts = rig()
    parts.request("rq-reboot")
    result_of(parts.fleet.change("panda-01", "RebootRebooting", "LockedOut", "me"))
    parts.store.leave()
    assert not result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.come_back()
    assert parts.said[-1] == ("commit", "panda-01", "set-state", "LockedOut")
    assert parts.board().standing.generation == 1


def test_an_outage_is_not_charged_to_a_board() -> None:
    parts = reimaged(rig())
    parts.request("rq-reboot")
    parts.cycled()
    parts.clock.advance(590)
    parts.store.leave()
    assert parts.poller.paused
    parts.clock.pump([1.0] * 700)
    ours = [call for call in parts.clock.getDelayedCalls() if call.active()]
    assert len(ours) == 1  # the saver of service seconds: no board waits by a timer
    parts.store.come_back()
    assert not parts.poller.paused
    parts.clock.advance(9.5)
    assert parts.state() == "RebootComplete"
    parts.clock.advance(0.5)
    assert parts.state() == "RebootRebooting"
    assert parts.board().standing.strikes["RebootComplete"].count == 1


def test_a_deadline_that_the_outage_met_comes_after_what_was_told_in_it() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.holds = True
    parts.clock.advance(60)  # the timeout's change is under way
    parts.store.leave()
    parts.store.held.clear()
    parts.store.waiting.pop().errback(StoreUnavailable("away"))
    parts.fleet.about("panda-01").cycle_ended(1, None)
    parts.store.holds = False
    parts.store.come_back()
    assert parts.events()[-1] == "power-cycle-ok"
    assert (parts.state(), parts.board().standing.strikes) == ("RebootComplete", {})


def test_own_events_keep_their_order_over_an_outage() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.leave()
    parts.clock.advance(59.5)
    parts.fleet.about("panda-01").cycle_ended(1, None)
    parts.clock.pump([0.5] * 30)
    parts.store.come_back()
    parts.clock.pump([0.5] * 60)
    assert parts.state() == "RebootComplete"
    assert parts.board().standing.strikes == {}


def test_while_the_store_is_away_callers_are_told_so_at_once() -> None:
    parts = rig()
    parts.store.holds = True
    first = parts.fleet.request("panda-01", "rq-reboot", {}, "a")
    second = parts.fleet.request("panda-01", "rq-maintenance", {}, "b")
    parts.store.held.clear()
    parts.store.waiting.pop().errback(StoreUnavailable("away"))
    parts.store.leave()
    third = parts.fleet.request("panda-01", "rq-self-test", {}, "c")
    for answer in (first, second, third):
        with pytest.raises(StoreUnavailable):
            result_of(answer)


def test_a_commit_whose_answer_was_lost_is_looked_up_not_repeated() -> None:
    parts = reimaged(rig())
    parts.store.loses_answers = True
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    parts.store.loses_answers = False
    parts.clock.advance(1)
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")
    assert parts.request("rq-reboot").repeat
    assert parts.board().standing.generation == 2


def test_a_change_of_somebody_else_is_not_taken_for_ones_own() -> None:
    parts = reimaged(rig())
    theirs = replace(parts.board().standing, state="LockedOut", deadline=None)
    theirs = replace(theirs, version=theirs.version + 1, stay=theirs.stay + 1)
    parts.store.saved["panda-01"] = theirs
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    parts.clock.advance(1)
    assert parts.board().standing == theirs
    assert parts.said == [("stop polling", "panda-01")]


def test_an_own_event_that_was_saved_unheard_is_not_taken_twice() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.loses_answers = True
    parts.fleet.about("panda-01").cycle_ended(1, "no answer")
    parts.store.loses_answers = False
    parts.clock.advance(1)
    assert parts.events().count("power-cycle-failed") == 1


def test_an_own_event_that_was_not_saved_is_taken_again() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.leave()
    parts.store.come_back()
    parts.store.away = True
    parts.fleet.about("panda-01").cycle_ended(1, "no answer")
    parts.store.away = False
    parts.clock.advance(1)
    assert parts.events().count("power-cycle-failed") == 1


def test_what_the_store_refuses_does_not_block_a_board(
    logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    with monkeypatch.context() as patched:
        patched.setattr(
            parts.store, "commit", lambda change: fail(StoreError("cannot be stored"))
        )
        parts.fleet.about("panda-01").cycle_ended(1, "no\0answer")
    assert len(logged_failures) == 1
    logged_failures.clear()
    parts.clock.advance(60)  # the state's timeout takes care of it
    assert parts.board().standing.strikes["RebootRebooting"].count == 1
    parts.request("rq-maintenance")
    assert parts.state() == "MaintenanceRebooting"


def test_a_board_whose_row_is_gone_begins_anew(
    logged_failures: list[LogEvent],
) -> None:
    parts = reimaged(rig())
    del parts.store.saved["panda-01"]
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    logged_failures.clear()
    parts.clock.advance(1)
    assert parts.state() == "New"
    logged_failures.clear()
    parts.request("rq-reboot")
    assert parts.state() == "RebootRebooting"


def test_a_board_that_is_looked_up_again_and_again_has_one_timer() -> None:
    parts = rig()
    parts.store.away = True  # and nobody says so
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    parts.store.leave()
    parts.store.come_back()
    parts.store.away = True
    parts.clock.pump([1.0] * 5)
    parts.fleet.stopService()
    assert parts.clock.getDelayedCalls() == []


# After a kill -9.


def test_a_board_goes_on_with_what_is_left_of_its_deadline() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.clock.advance(100)
    parts = again(parts, service_seconds=95)
    parts.clock.advance(84)
    assert parts.state() == "ReimageBooting"
    parts.clock.advance(1)
    assert parts.state() == "ReimageRebooting"


def test_polls_are_taken_up_again_and_owed_outlets_come_first() -> None:
    parts = reimaged(rig())
    owed = Owed(Outlet("rack1", "1/7"), "gone", 3)
    parts = again(parts, 10, (owed,))
    assert parts.said == [
        ("owe", "rack1/1/7"),
        ("poll", "panda-01", "192.0.2.1", "tcp:22"),
    ]


def test_an_unfinished_cycle_is_a_new_generation_committed_first() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts = again(parts, 10)
    assert parts.said == [
        ("owe",),
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack1/1/1"),
    ]
    assert parts.board().standing.strikes == {}
    parts.cycled()
    assert parts.state() == "RebootComplete"


def test_a_cycle_that_had_failed_waits_for_its_timeout_after_a_restart() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.fleet.about("panda-01").cycle_ended(1, "no answer")
    parts = again(parts, 10)
    assert parts.said == [("owe",)]
    parts.clock.advance(50)
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")


def test_a_jump_of_the_wall_clock_moves_nothing() -> None:
    parts = rig()
    wall = [EPOCH]
    world = parts.board()._world._replace(wall=lambda: wall[0])
    parts.board()._world = world
    parts.request("rq-reboot")
    parts.cycled()
    for jump in (timedelta(hours=1), timedelta(hours=-2)):
        wall[0] += jump
        parts.clock.advance(1)
    assert parts.state() == "RebootComplete"
    assert parts.board().standing.strikes == {}
    parts.clock.advance(598)
    assert parts.board().standing.strikes["RebootComplete"].count == 1


def test_a_stopped_board_takes_nothing_more() -> None:
    parts = reimaged(rig())
    result_of(Deferred.fromCoroutine(_stopped(parts)))
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    assert [call for call in parts.clock.getDelayedCalls() if call.active()] == []


async def _stopped(parts: Rig) -> None:
    parts.fleet.stopService()


def test_a_commit_that_ends_while_lifeguard_stops_begins_nothing() -> None:
    parts = rig()
    parts.store.holds = True
    answer = parts.fleet.request("panda-01", "rq-reboot", {}, "operator")
    parts.fleet.stopService()
    parts.store.held.pop()()
    assert result_of(answer).state == "RebootRebooting"
    assert parts.said[-1] == ("commit", "panda-01", "rq-reboot", "RebootRebooting")
    assert [call for call in parts.clock.getDelayedCalls() if call.active()] == []


def test_any_number_of_fetches_is_one_event() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    parts.store.leave()
    for _ in range(100):
        seen(parts, "boot-config-fetched")
    parts.store.come_back()
    assert parts.events().count("boot-config-fetched") == 1


def test_an_old_order_to_take_up_a_cycle_does_not_touch_a_newer_one() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.store.leave()
    assert not result_of(parts.fleet.about("panda-01").cycle_started(1))
    assert not result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.store.come_back()
    assert parts.board().standing.generation == 2
    assert [row.outcome for row in parts.store.rows if row.event == "resume"] == [
        "noted",
        "stale",
    ]


def test_a_board_that_stands_where_it_was_saved_is_not_written_again() -> None:
    store = FakeStore([])
    standing = Standing(board="panda-01", state="Maintenance", since=EPOCH, version=7)
    store.saved["panda-01"] = standing
    parts = rig(saved=Saved(standings={"panda-01": standing}), store=store)
    assert parts.board().standing == replace(standing)
    assert parts.said == [("owe",)]
