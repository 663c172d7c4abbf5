"""Stopping: what has begun is finished, and nothing holds that up for ever."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from lifeguard.model import Outlet, Owed
from lifeguard.power import Power
from lifeguard.wire.proxr import Relay
from tests.power_rig import (
    NO_STORE,
    A,
    B,
    FakeQueue,
    FakeReports,
    in_off_half,
    lab,
    lost_in_off_half,
    rig,
    stop,
)


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


def test_a_long_off_time_is_no_reason_to_leave_a_board_off():
    parts = lost_in_off_half(off_seconds=60.0)
    parts.power.owe([Owed(B, "b", 1)])
    stopped = stop(parts)
    parts.run(58)
    assert parts.reports.became == [("rack1", "Suspect"), ("rack1", "Broken")]
    assert (parts.relay_board.relays_on, stopped) == ({Relay(1, 1)}, [])
    parts.relay_board.reachable = True
    parts.run(2)
    assert (parts.relay_board.relays_on, stopped) == (set(), [None])
    assert "ended a 1: ok" in parts.told()
    assert parts.clock.getDelayedCalls() == []


def test_who_is_ill_for_ever_is_tried_when_an_off_time_is_over_and_then_has_its_time():
    parts = lost_in_off_half(off_seconds=60.0)
    parts.power.owe([Owed(B, "b", 1)])
    stopped = stop(parts)
    parts.run(60)
    due = 60 + 4 * parts.relay_board.round_trip  # the greeting, and three for off
    tries = [at for at, what in parts.relay_board.seen if what == "refused"]
    assert due in tries
    parts.run(due + 19.9 - parts.clock.seconds())
    assert stopped == []
    parts.run(0.2)
    assert stopped == [None]
    assert parts.clock.getDelayedCalls() == []


def test_forty_relay_boards_that_are_ill_hold_up_the_end_no_longer_than_one():
    clock, events = Clock(), []
    queues = {f"rack{n}": FakeQueue(f"rack{n}", events) for n in range(43)}
    power = Power(clock, queues, FakeReports(events))
    power.startService()
    for name, queue in queues.items():
        power.cycle(f"of {name}", 1, (Outlet(name, "1/1"),))
        queue.asked.pop((Outlet(name, "1/1"), False)).callback(None)
        queue.become("Suspect", "no answer")
    stopped = []
    power.stopService().addCallback(stopped.append)
    clock.pump([0.5] * 41)
    assert stopped == []
    clock.pump([0.5] * 2)
    assert stopped == [None]
