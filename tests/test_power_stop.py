"""Stopping: what has begun is finished, and nothing holds that up for ever."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from lifeguard.model import Outlet, Owed
from tests.power_rig import A, B, in_off_half, lab, lost_in_off_half, rig, stop

NO_STORE = RuntimeError("no store")


def test_stopping_at_rest_only_closes_the_queues():
    parts = rig()
    assert stop(parts) == [None]
    assert parts.told() == ["close rack1", "close rack2"]
    assert parts.at_rest()


def test_stopping_in_a_cycle_waits_until_it_is_on():
    parts = in_off_half()
    parts.power.cycle("a", 2, (B,))
    stopped = stop(parts)
    parts.power.cycle("b", 1, (B,))
    parts.clock.advance(1)
    assert (parts.told(), stopped) == (["on rack1/1/1"], [])
    parts.answer(A, on=True)
    assert parts.told() == [
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "close rack1",
        "close rack2",
    ]
    assert stopped == [None]
    assert parts.at_rest()


def test_stopping_drops_what_has_not_begun():
    parts = rig()
    commit = parts.reports.wanted[1] = Deferred()
    parts.power.cycle("a", 1, (A,))
    assert stop(parts) == [None]
    commit.callback(True)
    assert parts.told() == ["started a 1?", "close rack1", "close rack2"]


def test_stopping_in_an_off_half_leaves_the_board_on():
    parts = lab()
    parts.power.cycle("a", 1, (A,))
    parts.run(0.5)
    stopped = stop(parts)
    parts.run(1)
    assert stopped == [None]
    assert parts.events[-1] == "ended a 1: ok"
    assert parts.relay_board.relays_on == set()
    assert parts.clock.getDelayedCalls() == []


def test_stopping_waits_for_an_on_that_failed_to_be_made_good():
    parts = in_off_half()
    stopped = stop(parts)
    parts.clock.advance(1)
    parts.answer(A, on=True, failure="no answer")
    parts.answer(A, on=True, failure="no answer")
    parts.clock.advance(1)
    assert stopped == []
    parts.answer(A, on=True)
    assert stopped == [None]
    assert parts.at_rest()


def test_stopping_does_not_wait_for_a_debt_that_will_not_be_tried_in_time():
    parts = rig()
    parts.power.owe([Owed(A, "a", 4), Owed(Outlet("rack9", "1/1"), "b", 1)])
    for seconds in (1, 2, 4, 8, 16, 0):
        parts.answer(A, on=True, failure="no answer")
        parts.clock.advance(seconds)
    assert stop(parts) == [None]
    assert parts.at_rest()


def test_stopping_finishes_a_begun_cycle_however_long_it_takes():
    parts = rig()
    parts.queues["rack1"].off_seconds = 60.0
    parts.power.cycle("a", 1, (A,))
    stopped = stop(parts)
    parts.clock.advance(100)
    parts.answer(A, on=False)
    parts.clock.advance(60)
    parts.clock.advance(100)
    assert stopped == []
    parts.answer(A, on=True)
    assert stopped == [None]
    assert parts.told()[-3:] == ["ended a 1: ok", "close rack1", "close rack2"]


def test_stopping_does_not_wait_for_a_debt_for_ever():
    parts = in_off_half()
    stopped = stop(parts)
    parts.clock.advance(1)
    parts.answer(A, on=True, failure="no answer")
    parts.clock.advance(19.9)
    assert stopped == []
    parts.clock.advance(0.1)
    assert stopped == [None]
    assert parts.told()[-2:] == ["close rack1", "close rack2"]


def test_stopping_does_not_wait_for_what_is_on_and_not_noted():
    parts = rig()
    parts.reports.noting += [fail(NO_STORE)]
    parts.power.owe([Owed(A, "a", 4)])
    parts.answer(A, on=True)
    assert stop(parts) == [None]
    assert parts.at_rest()


def test_an_ill_relay_board_holds_up_the_end_for_its_own_time_only():
    for seconds in (0.0, 0.05, 0.5, 1.05):
        parts = lab()
        parts.power.cycle("a", 1, (A,))
        parts.run(seconds)
        parts.lose_relay_board(reachable=None)
        parts.run(6)
        stopped = stop(parts)
        parts.run(19.9)
        assert stopped == []
        with capturedLogs() as logged:
            parts.run(0.2)
        assert stopped == [None]
        assert [each["boards"] for each in logged if "boards" in each] == [["a"]]
        assert [text for text in parts.told() if text.startswith("ended")] == []
        assert parts.clock.getDelayedCalls() == []


def test_a_cycle_that_is_cut_short_by_the_end_is_void_and_nobodys_strike():
    parts = lost_in_off_half()
    parts.run(1)
    stop(parts)
    parts.run(20)
    void = "void a 1 for 86400: rack1/1/1: lifeguard is stopping"
    assert parts.told()[-1] == void
    counted = {"ok": 0, "failed": 0, "void": 1}
    assert parts.power.cycles_ended.outcomes["rack1"] == counted


def test_one_that_falls_ill_while_lifeguard_stops_has_its_time_from_then_on():
    parts = in_off_half()
    stopped = stop(parts)
    parts.clock.advance(15)
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.clock.advance(19)
    parts.queues["rack1"].become("Working")
    parts.clock.advance(600)
    assert stopped == []
    parts.answer(A, on=True)
    assert stopped == [None]
    assert parts.clock.getDelayedCalls() == []
