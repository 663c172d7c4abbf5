"""Power: cycles from their turn to the read-back, and what is owed besides.

With the queues faked: `rig` lets a test answer each request by hand, and one list
keeps everything that was asked and told, in order. `lab` is the whole of it, down to
the bytes, over relay boards that live on the same clock.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from lifeguard.model import Outlet, Owed, RelayBoard
from lifeguard.power import Power, RelayBoardQueue, RelayError
from lifeguard.power.condition import Since
from lifeguard.power.drivers.proxr import Proxr
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE, FakeRelayBoard

A = Outlet("rack1", "1/1")
B = Outlet("rack1", "1/2")
C = Outlet("rack2", "1/1")
RACK1 = RelayBoard(name="rack1", driver="proxr", address="192.0.2.10:2101")
NO_STORE = RuntimeError("no store")


class FakeQueue:
    """A relay board of which a test says when and how it answers."""

    off_seconds = 1.0
    patience = 86400.0
    off_check = 900.0

    def __init__(self, name: str, events: list) -> None:
        self.name, self.events = name, events
        self.since = Since("Working", 0.0)
        self.listeners: list = []
        self.cycles = 0
        self.asked: dict[tuple[Outlet, bool], Deferred[None]] = {}
        self.turns: list[Deferred[None]] = []
        self.turns_come = True

    def turn(self, board, urgent=False):
        turn: Deferred[None] = Deferred()
        self.turns.insert(0 if urgent else len(self.turns), turn)
        if self.turns_come and self.since.state == "Working":
            self.give_turns()
        return turn

    def hear(self, listener):
        self.listeners.append(listener)

    def become(self, state, why=""):
        self.since = Since(state, 0.0, why)
        for listener in self.listeners:
            listener()
        if self.turns_come and state == "Working":
            self.give_turns()

    def give_back(self):
        self.cycles -= 1

    def give_turns(self):
        turns, self.turns = self.turns, []
        for turn in turns:
            self.cycles += 1
            turn.callback(None)

    def switch(self, outlet, on, urgent=False):
        at_once = " at once" if urgent else ""
        self.events.append(f"{'on' if on else 'off'} {outlet}{at_once}")
        self.asked[outlet, on] = Deferred()
        return self.asked[outlet, on]

    def read(self, outlet):
        self.events.append(f"read {outlet}")
        self.read_of = Deferred()
        return self.read_of

    def test(self):
        return succeed(None)

    def status(self):
        return self.name

    def close(self):
        self.events.append(f"close {self.name}")
        return succeed(None)


class FakeReports:
    """What power tells; answers at once unless a test says otherwise."""

    def __init__(self, events: list) -> None:
        self.events = events
        self.wanted: dict[int, Deferred[bool]] = {}
        self.noting: list[Deferred[None]] = []
        self.became: list[tuple[str, str]] = []

    def cycle_started(self, board, generation):
        self.events.append(f"started {board} {generation}?")
        return self.wanted.pop(generation, None) or succeed(True)

    def cycle_ended(self, board, generation, failure):
        self.events.append(f"ended {board} {generation}: {failure or 'ok'}")

    def switched_off(self, board, generation):
        self.events.append(f"switched off {board} {generation}")

    def cycle_held(self, board, generation, why, patience):
        self.events.append(f"held {board} {generation} for {patience:g}: {why}")

    def cycle_goes_on(self, board, generation):
        self.events.append(f"goes on {board} {generation}")

    def cycle_void(self, board, generation, why, patience):
        self.events.append(f"void {board} {generation} for {patience:g}: {why}")

    def found_on(self, board, outlet):
        self.events.append(f"found on {board} {outlet}")

    def relay_board_changed(self, relay_board, since):
        self.became.append((relay_board, since.state))

    def outlet_is_on(self, owed):
        self.events.append(f"settled {owed.outlet} {owed.board} {owed.generation}")
        return self.noting.pop(0) if self.noting else succeed(None)


class Rig(NamedTuple):
    power: Power
    clock: Clock
    queues: dict[str, FakeQueue]
    reports: FakeReports
    events: list

    def answer(self, outlet, on, failure=None):
        asked = self.queues[outlet.relay_board].asked.pop((outlet, on))
        if failure is None:
            asked.callback(None)
        else:
            asked.errback(RelayError(failure))

    def told(self):
        """What was asked and told since the last time."""
        events = list(self.events)
        self.events.clear()
        return events

    def owed(self):
        return [
            (str(one.outlet), one.tries, one.last_error) for one in self.power.owed()
        ]

    def at_rest(self):
        return (self.power.owed(), self.clock.getDelayedCalls()) == ([], [])


def rig():
    clock, events = Clock(), []
    queues = {name: FakeQueue(name, events) for name in ("rack1", "rack2")}
    reports = FakeReports(events)
    power = Power(clock, queues, reports)
    power.startService()
    return Rig(power, clock, queues, reports, events)


def in_off_half(generation=1):
    """A rig with board `a` switched off and read back."""
    parts = rig()
    parts.power.cycle("a", generation, (A,))
    parts.answer(A, on=False)
    parts.told()
    return parts


def test_a_cycle_is_off_and_a_wait_and_on_with_each_step_told():
    parts = rig()
    parts.power.cycle("a", 7, (A,))
    assert parts.told() == ["started a 7?", "off rack1/1/1"]
    parts.answer(A, on=False)
    parts.clock.advance(0.99)
    assert parts.told() == []
    parts.clock.advance(0.01)
    assert parts.told() == ["on rack1/1/1"]
    parts.answer(A, on=True)
    assert parts.told() == ["settled rack1/1/1 a 7", "ended a 7: ok"]
    assert parts.at_rest()


def test_cycles_are_counted_by_relay_board_and_one_that_was_not_begun_is_not():
    parts = rig()
    parts.power.cycle("a", 1, (A,))
    parts.answer(A, on=False)
    parts.clock.advance(1)
    parts.clock.advance(0.5)
    parts.answer(A, on=True)
    parts.power.cycle("c", 1, (C,))
    parts.answer(C, on=False, failure="no answer")
    parts.answer(C, on=True)
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.power.cycle("b", 1, (B,))
    ended = parts.power.cycles_ended
    assert ended.outcomes == {
        "rack1": {"ok": 1, "failed": 0, "void": 0},
        "rack2": {"ok": 0, "failed": 1, "void": 0},
    }
    assert ended.seconds == {"rack1": 1.5, "rack2": 0.0}


def test_an_outlet_s_mark_is_gone_before_the_cycle_is_told_to_be_over():
    parts = in_off_half()
    noted = Deferred()
    parts.reports.noting.append(noted)
    parts.clock.advance(1)
    parts.answer(A, on=True)
    assert parts.told() == ["on rack1/1/1", "settled rack1/1/1 a 1"]
    noted.callback(None)
    assert parts.told() == ["ended a 1: ok"]


def test_a_board_of_several_relay_boards_is_off_at_once_for_the_longest_off_time():
    parts = rig()
    parts.queues["rack2"].off_seconds = 4.0
    parts.power.cycle("a", 1, (A, C))
    assert parts.told() == ["started a 1?", "off rack1/1/1", "off rack2/1/1"]
    parts.answer(A, on=False)
    parts.clock.advance(2)
    parts.answer(C, on=False)
    parts.clock.advance(3.9)
    assert parts.told() == []
    parts.clock.advance(0.1)
    assert parts.told() == ["on rack1/1/1", "on rack2/1/1"]
    parts.answer(C, on=True)
    parts.answer(A, on=True)
    assert parts.told() == [
        "settled rack1/1/1 a 1",
        "settled rack2/1/1 a 1",
        "ended a 1: ok",
    ]


def test_two_boards_do_not_wait_for_each_other_s_off_time():
    parts = rig()
    parts.power.cycle("a", 1, (A,))
    parts.power.cycle("b", 1, (B,))
    parts.answer(A, on=False)
    parts.answer(B, on=False)
    parts.told()
    parts.clock.advance(1)
    assert parts.told() == ["on rack1/1/1", "on rack1/1/2"]
    parts.answer(B, on=True)
    assert parts.told() == ["settled rack1/1/2 b 1", "ended b 1: ok"]


def test_nothing_is_asked_before_the_turn_has_come():
    parts = rig()
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("a", 1, (A,))
    parts.clock.advance(1800)
    assert parts.told() == []
    parts.queues["rack1"].give_turns()
    assert parts.told() == ["started a 1?", "off rack1/1/1"]


def test_nothing_is_switched_off_before_the_start_is_committed():
    parts = rig()
    commit = parts.reports.wanted[1] = Deferred()
    parts.power.cycle("a", 1, (A,))
    parts.clock.advance(29)
    assert parts.told() == ["started a 1?"]
    commit.callback(True)
    assert parts.told() == ["off rack1/1/1"]


def test_a_cycle_that_nobody_wants_any_more_only_sees_to_it_that_power_is_on():
    parts = rig()
    parts.reports.wanted[1] = succeed(False)
    parts.power.cycle("a", 1, (A,))
    assert parts.told() == ["started a 1?", "on rack1/1/1"]
    parts.answer(A, on=True)
    assert parts.told() == ["settled rack1/1/1 a 1"]
    assert parts.at_rest()


def test_a_cycle_does_not_begin_without_a_store():
    parts = rig()
    parts.reports.wanted[1] = fail(NO_STORE)
    parts.power.cycle("a", 1, (A,))
    assert parts.told() == [
        "started a 1?",
        "ended a 1: not begun: no store",
        "on rack1/1/1",
    ]


def test_a_commit_that_comes_too_late_begins_nothing():
    parts = rig()
    commit = parts.reports.wanted[1] = Deferred()
    parts.power.cycle("a", 1, (A,))
    parts.clock.advance(31)
    over = "not begun: its start was not committed within 30 s"
    assert parts.told() == ["started a 1?", f"ended a 1: {over}", "on rack1/1/1"]
    commit.callback(True)
    assert parts.told() == []


def test_an_off_that_fails_is_made_good_at_once_and_told():
    parts = rig()
    parts.power.cycle("a", 1, (A, C))
    parts.answer(C, on=False)
    parts.answer(A, on=False, failure="no answer")
    assert parts.told()[3:] == ["on rack1/1/1", "on rack2/1/1"]
    parts.answer(A, on=True)
    parts.answer(C, on=True)
    assert parts.told() == [
        "settled rack1/1/1 a 1",
        "settled rack2/1/1 a 1",
        "ended a 1: rack1/1/1: no answer",
    ]
    assert parts.at_rest()


def test_an_on_that_fails_is_told_and_owed():
    parts = in_off_half()
    parts.clock.advance(1)
    parts.answer(A, on=True, failure="no answer")
    assert parts.told() == [
        "on rack1/1/1",
        "ended a 1: rack1/1/1: no answer",
        "on rack1/1/1",
    ]
    assert parts.owed() == [("rack1/1/1", 0, None)]
    parts.answer(A, on=True)
    assert parts.told() == ["settled rack1/1/1 a 1"]
    assert parts.at_rest()


def test_a_mark_that_could_not_be_cleared_stays_owed_though_the_cycle_is_ok():
    parts = in_off_half()
    parts.reports.noting.append(fail(NO_STORE))
    parts.clock.advance(1)
    parts.answer(A, on=True)
    assert parts.told() == [
        "on rack1/1/1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "on rack1/1/1",
    ]


def test_a_cycle_waits_as_long_as_its_relay_board_is_busy_with_others():
    parts = rig()
    parts.queues["rack1"].off_seconds = 60.0
    parts.power.cycle("a", 1, (A,))
    parts.clock.advance(300)
    parts.answer(A, on=False)
    parts.clock.advance(60)
    parts.clock.advance(300)
    parts.answer(A, on=True)
    assert parts.told() == [
        "started a 1?",
        "off rack1/1/1",
        "on rack1/1/1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
    ]


def test_a_mark_that_is_not_cleared_in_time_does_not_hold_up_the_end():
    parts = in_off_half()
    parts.reports.noting.append(Deferred())
    parts.clock.advance(1)
    parts.answer(A, on=True)
    parts.clock.advance(30)
    assert parts.told()[-2:] == ["ended a 1: ok", "on rack1/1/1"]


def test_a_board_without_outlets_cannot_be_cycled():
    parts = rig()
    parts.power.cycle("a", 1, ())
    assert parts.told() == ["ended a 1: no power outlet"]


def test_a_relay_board_that_is_not_there_fails_the_cycle_before_it_begins():
    parts = rig()
    gone = Outlet("rack9", "1/1")
    parts.power.cycle("a", 1, (A, gone))
    text = "rack9/1/1: no relay board rack9 in the inventory"
    assert parts.told() == [f"ended a 1: {text}", "on rack1/1/1"]
    assert parts.owed() == [
        ("rack1/1/1", 0, None),
        ("rack9/1/1", 1, "no relay board rack9 in the inventory"),
    ]


def test_a_cycle_that_breaks_while_the_board_is_off_leaves_it_owed(logged_failures):
    parts = in_off_half()
    parts.reports.wanted[2] = fail(NO_STORE)
    parts.reports.cycle_ended = None
    parts.power.cycle("a", 2, (A,))
    parts.clock.advance(1)
    assert parts.told() == ["started a 2?", "on rack1/1/1"]
    [broken] = logged_failures
    logged_failures.clear()
    assert broken["log_format"] == "{board}: its power cycle broke"
    parts.answer(A, on=True)
    assert parts.told() == ["settled rack1/1/1 a 2"]
    assert parts.at_rest()


# A second cycle of the same board.


def test_a_newer_cycle_replaces_one_that_waits_for_its_turn():
    parts = rig()
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("a", 1, (A,))
    parts.power.cycle("a", 2, (A,))
    parts.queues["rack1"].give_turns()
    assert parts.told() == ["started a 2?", "off rack1/1/1"]


def test_a_newer_cycle_replaces_one_whose_start_is_being_committed():
    parts = rig()
    first = parts.reports.wanted[1] = Deferred()
    parts.power.cycle("a", 1, (A,))
    parts.power.cycle("a", 2, (A,))
    first.callback(True)
    assert parts.told() == ["started a 1?", "started a 2?", "off rack1/1/1"]


def test_a_newer_cycle_shares_the_off_half_and_is_committed_before_the_board_boots():
    parts = in_off_half()
    commit = parts.reports.wanted[3] = Deferred()
    parts.power.cycle("a", 2, (A,))
    parts.power.cycle("a", 3, (A,))
    parts.clock.advance(1)
    assert parts.told() == ["started a 3?"]
    commit.callback(True)
    parts.answer(A, on=True)
    assert parts.told() == [
        "on rack1/1/1",
        "settled rack1/1/1 a 3",
        "ended a 1: ok",
        "ended a 3: ok",
    ]
    assert parts.at_rest()


def test_an_off_half_is_finished_though_the_newer_cycle_is_not_wanted():
    for answer, told in [
        (succeed(False), []),
        (fail(NO_STORE), ["ended a 2: not begun: no store"]),
    ]:
        parts = in_off_half()
        parts.reports.wanted[2] = answer
        parts.power.cycle("a", 2, (A,))
        parts.clock.advance(1)
        assert parts.told() == ["started a 2?", *told, "on rack1/1/1"]
        parts.answer(A, on=True)
        assert parts.told() == ["settled rack1/1/1 a 2", "ended a 1: ok"]
        assert parts.at_rest()


def test_a_newer_cycle_comes_after_one_that_another_already_shares():
    parts = in_off_half()
    commit = parts.reports.wanted[2] = Deferred()
    parts.power.cycle("a", 2, (A,))
    parts.clock.advance(1)
    parts.power.cycle("a", 3, (A,))
    commit.callback(True)
    assert parts.told() == ["started a 2?", "on rack1/1/1"]
    parts.answer(A, on=True)
    assert parts.told()[-3:] == ["ended a 2: ok", "started a 3?", "off rack1/1/1"]


def test_a_newer_cycle_comes_after_one_that_is_switching_on():
    parts = in_off_half()
    parts.clock.advance(1)
    parts.power.cycle("a", 2, (A,))
    parts.answer(A, on=True)
    assert parts.told() == [
        "on rack1/1/1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "started a 2?",
        "off rack1/1/1",
    ]


def test_a_newer_cycle_of_other_outlets_comes_after():
    parts = in_off_half()
    parts.power.cycle("a", 2, (B,))
    parts.clock.advance(1)
    parts.answer(A, on=True)
    assert parts.told()[-2:] == ["started a 2?", "off rack1/1/2"]


# What is owed.


def test_what_is_owed_is_switched_on_and_settled():
    parts = rig()
    parts.power.owe([Owed(A, "a", 4), Owed(B, "b", 2)])
    parts.answer(A, on=True)
    parts.answer(B, on=True)
    assert parts.told() == [
        "on rack1/1/1",
        "on rack1/1/2",
        "settled rack1/1/1 a 4",
        "settled rack1/1/2 b 2",
    ]
    assert parts.at_rest()


def test_what_is_owed_is_tried_for_ever_at_growing_intervals_and_shown():
    parts = rig()
    parts.power.owe([Owed(A, "a", 4)])
    intervals = []
    for _ in range(9):
        parts.answer(A, on=True, failure="no answer")
        parts.told()
        [call] = parts.clock.getDelayedCalls()
        intervals.append(call.getTime() - parts.clock.seconds())
        parts.clock.advance(intervals[-1])
        assert parts.told() == ["on rack1/1/1"]
    assert intervals == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert parts.owed() == [("rack1/1/1", 9, "no answer")]


def test_a_debt_that_could_not_be_noted_is_noted_again_and_not_switched_again():
    parts = rig()
    parts.reports.noting += [fail(NO_STORE), Deferred()]
    parts.power.owe([Owed(A, "a", 4)])
    parts.answer(A, on=True)
    assert parts.owed() == [("rack1/1/1", 1, "no store")]
    parts.clock.advance(1)
    parts.clock.advance(30)
    text = "on, but that was not noted within 30 s"
    assert parts.owed() == [("rack1/1/1", 2, text)]
    parts.clock.advance(2)
    assert parts.told() == ["on rack1/1/1", *["settled rack1/1/1 a 4"] * 3]
    assert parts.at_rest()


def test_what_is_on_is_noted_as_soon_as_the_store_is_back():
    parts = rig()
    parts.reports.noting += [fail(NO_STORE)] * 1
    parts.power.owe([Owed(A, "a", 4), Owed(B, "b", 1)])
    parts.answer(A, on=True)
    parts.told()
    parts.power.store_is_back()
    assert parts.told() == ["settled rack1/1/1 a 4"]
    assert [outlet for outlet, _, _ in parts.owed()] == ["rack1/1/2"]


def test_stopping_does_not_wait_for_what_is_on_and_not_noted():
    parts = rig()
    parts.reports.noting += [fail(NO_STORE)]
    parts.power.owe([Owed(A, "a", 4)])
    parts.answer(A, on=True)
    assert stop(parts) == [None]
    assert parts.at_rest()


def test_a_debt_to_a_relay_board_that_is_gone_is_shown_and_not_tried():
    parts = rig()
    parts.power.owe([Owed(Outlet("rack9", "1/1"), "a", 4)])
    assert parts.owed() == [("rack9/1/1", 1, "no relay board rack9 in the inventory")]
    assert (parts.told(), parts.clock.getDelayedCalls()) == ([], [])


def test_a_debt_of_an_outlet_in_a_cycle_waits_until_that_has_ended():
    parts = in_off_half()
    parts.power.owe([Owed(A, "b", 9)])
    assert parts.owed() == [("rack1/1/1", 0, None)]
    parts.clock.advance(1)
    parts.answer(A, on=True)
    assert parts.told() == [
        "on rack1/1/1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "on rack1/1/1",
    ]
    parts.answer(A, on=True)
    assert parts.told() == ["settled rack1/1/1 b 9"]


def test_a_cycle_that_begins_takes_over_what_its_outlets_owe():
    parts = rig()
    parts.power.owe([Owed(A, "a", 1)])
    parts.answer(A, on=True, failure="no answer")
    parts.power.cycle("a", 2, (A,))
    assert parts.owed() == []
    assert parts.told()[-1] == "off rack1/1/1"
    assert parts.clock.getDelayedCalls() == []  # there is no other try


def test_a_debt_goes_on_being_tried_while_a_cycle_waits_for_its_turn():
    parts = rig()
    parts.queues["rack1"].turns_come = False
    parts.power.owe([Owed(A, "a", 1)])
    parts.answer(A, on=True, failure="no answer")
    parts.power.cycle("a", 2, (A,))
    parts.clock.advance(1)
    parts.answer(A, on=True)
    assert parts.told() == ["on rack1/1/1", "on rack1/1/1", "settled rack1/1/1 a 1"]


def test_a_debt_under_way_when_a_cycle_begins_settles_nothing_any_more():
    parts = rig()
    parts.power.owe([Owed(A, "a", 1)])
    parts.power.cycle("a", 2, (A,))
    parts.told()
    parts.answer(A, on=True)
    assert parts.told() == []


# Stopping.


def stop(parts):
    stopped = []
    parts.power.stopService().addBoth(stopped.append)
    return stopped


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


def test_an_ill_relay_board_holds_up_the_end_for_its_own_time_only():
    for seconds in (0.0, 0.05, 0.5, 1.05):
        parts = lab()
        parts.power.cycle("a", 1, (A,))
        parts.run(seconds)
        parts.relay_board.hang_up()
        parts.relay_board.reachable = None
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
    parts = lab()
    parts.power.cycle("a", 1, (A,))
    parts.run(0.5)
    parts.relay_board.hang_up()
    parts.relay_board.reachable = False
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


# For the API.


def test_relay_boards_are_shown_and_tested_by_name():
    parts = rig()
    assert parts.power.relay_boards() == ["rack1", "rack2"]
    heard = []
    parts.power.test("rack1").addBoth(heard.append)
    parts.power.test("rack9").addErrback(
        lambda failure: heard.append(str(failure.value))
    )
    assert heard == [None, "no relay board rack9 in the inventory"]


# The whole of it, down to the bytes.


class Lab(NamedTuple):
    power: Power
    clock: Clock
    relay_board: FakeRelayBoard
    reports: FakeReports
    events: list

    def told(self):
        """What was told since the last time."""
        events = list(self.events)
        self.events.clear()
        return events

    def run(self, seconds):
        """Let time pass, from one thing that is due to the next."""
        end = self.clock.seconds() + seconds
        while (due := self.clock.getDelayedCalls()) and due[0].getTime() <= end:
            self.clock.advance(max(0, due[0].getTime() - self.clock.seconds()))
        self.clock.advance(end - self.clock.seconds())


def lab(round_trip=0.015625):
    clock, events = Clock(), []
    relay_board = FakeRelayBoard(clock, round_trip)
    queue = RelayBoardQueue(clock, RACK1, Proxr(clock, relay_board, "classic", 3.0))
    reports = FakeReports(events)
    power = Power(clock, {"rack1": queue}, reports)
    power.startService()
    return Lab(power, clock, relay_board, reports, events)


def test_fourteen_boards_take_one_off_time_and_one_connection():
    parts = lab()
    boards = [
        (f"b{n}", Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}")) for n in range(14)
    ]
    for board, outlet in boards:
        parts.power.cycle(board, 1, (outlet,))
    # 14 boards, two halves of three round trips each, the link test, and one off time.
    parts.run(85 * 0.015625 + 1)
    assert [event for event in parts.events if event.startswith("ended")] == [
        f"ended {board} 1: ok" for board, _ in boards
    ]
    seen = Counter(parts.relay_board.seen_without_times())
    assert (seen["connected"], seen["link test"]) == (1, 1)
    assert parts.relay_board.relays_on == set()


def test_a_queue_that_is_long_but_healthy_fails_nobody():
    parts = lab(round_trip=0.125)
    for n in range(96):
        outlet = Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}")
        parts.power.cycle(f"b{n}", 1, (outlet,))
    parts.run(96 * 6 * 0.125 + 2)
    ended = [event for event in parts.events if event.startswith("ended")]
    assert ended == [f"ended b{n} 1: ok" for n in range(96)]


REFUSED = "cannot be reached: Connection was refused by other side"


def test_a_relay_board_that_dies_between_off_and_on_voids_the_cycle_not_the_board():
    parts = lab()
    parts.power.cycle("a", 1, (A,))
    parts.run(0.5)
    assert parts.relay_board.relays_on == {Relay(1, 1)}
    parts.relay_board.hang_up()
    parts.relay_board.reachable = False
    parts.run(65)
    assert parts.events[1:] == [
        f"held a 1 for 86400: rack1 is suspect: {REFUSED}",
        f"held a 1 for 86400: rack1 is broken: {REFUSED}",
        f"void a 1 for 86400: rack1/1/1: {REFUSED}",
    ]
    [owed] = parts.power.owed()
    assert (owed.outlet, owed.last_error) == (A, REFUSED)
    parts.relay_board.reachable = True
    parts.run(40)
    assert parts.events[4:] == ["settled rack1/1/1 a 1"]
    assert parts.relay_board.relays_on == set()
    assert parts.power.owed() == []


def test_a_relay_board_that_is_away_for_a_moment_costs_no_second_cycle():
    parts = lab()
    parts.power.cycle("a", 1, (A,))
    parts.run(0.5)
    parts.relay_board.hang_up()
    parts.relay_board.reachable = False
    parts.run(3)
    parts.relay_board.reachable = True
    parts.run(20)
    assert parts.events == [
        "started a 1?",
        f"held a 1 for 86400: rack1 is suspect: {REFUSED}",
        "goes on a 1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
    ]
    assert parts.relay_board.relays_on == set()


def test_a_relay_board_that_hangs_holds_every_cycle_and_ends_those_that_began():
    parts = lab()
    parts.relay_board.oddities["link test"] = [SILENCE] * 5
    for number in range(1, 9):
        parts.power.cycle(f"b{number}", 1, (Outlet("rack1", f"1/{number}"),))
    parts.run(42)
    told = Counter(event.split()[0] for event in parts.events)
    # Tried for 5 s, after pauses of 1, 2, 4 and 8 s: the fifth time it is broken.
    assert told == {"started": 1, "held": 16}
    parts.run(60)
    told = Counter(event.split()[0] for event in parts.events)
    assert (told["started"], told["ended"], told["void"]) == (8, 7, 1)
    became = ["Suspect", "Broken", "Working"]
    assert parts.reports.became == [("rack1", state) for state in became]
    assert (parts.relay_board.relays_on, parts.power.owed()) == (set(), [])


def test_a_cycle_waits_until_its_relay_board_works_and_is_not_begun_before():
    parts = lab()
    parts.relay_board.reachable = False
    parts.power.owe([Owed(B, "b", 3)])
    parts.power.cycle("a", 1, (A,))
    held = f"held a 1 for 86400: rack1 is suspect: {REFUSED}"
    assert parts.events == [held]
    parts.run(100)
    assert parts.events == [held, held.replace("suspect", "broken")]
    parts.relay_board.reachable = True
    parts.run(40)
    assert parts.events[2:] == [
        "settled rack1/1/2 b 3",
        "started a 1?",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
    ]


def test_one_outlet_that_sticks_is_its_boards_failure_and_nobody_elses():
    parts = lab()
    parts.relay_board.stuck.add(Relay(1, 1))
    parts.power.cycle("a", 1, (A,))
    parts.power.cycle("b", 1, (B,))
    parts.run(5)
    stuck = "rack1/1/1: relay 1 of bank 1 did not switch on"
    assert sorted(event for event in parts.events if "ended" in event) == [
        f"ended a 1: {stuck}",
        "ended b 1: ok",
    ]
    assert not [event for event in parts.events if "held" in event]


def test_many_boards_of_one_relay_board_begin_sixteen_at_a_time():
    parts = lab()
    for n in range(40):
        parts.power.cycle(f"b{n}", 1, (Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}"),))
    parts.run(0.5)
    assert sum("started" in event for event in parts.events) == 16
    parts.run(16)
    assert sum("ended" in event for event in parts.events) == 40


def test_a_cycle_of_two_relay_boards_waits_for_both():
    parts = rig()
    parts.queues["rack2"].turns_come = False
    parts.power.cycle("a", 1, (A, C))
    assert [queue.cycles for queue in parts.queues.values()] == [0, 0]
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.queues["rack2"].give_turns()
    held = "held a 1 for 86400: rack1 is suspect: no answer"
    assert parts.told() == [held]
    assert [queue.cycles for queue in parts.queues.values()] == [0, 0]
    parts.queues["rack2"].turns_come = True
    parts.queues["rack1"].become("Working")
    assert parts.told()[0] == "started a 1?"
    assert [queue.cycles for queue in parts.queues.values()] == [1, 1]
    for on in (False, True):
        parts.answer(A, on)
        parts.answer(C, on)
        parts.clock.advance(1)
    assert parts.told()[-1] == "ended a 1: ok"
    assert [queue.cycles for queue in parts.queues.values()] == [0, 0]


def test_a_slow_relay_board_costs_no_board_the_time_that_its_cycle_has():
    parts = lab(round_trip=1.0)
    for n in range(16):
        parts.power.cycle(f"b{n}", 1, (Outlet("rack1", f"{1 + n // 8}/{1 + n % 8}"),))
    moments = {}
    while len(moments) < 32:
        parts.run(1)
        for event in parts.told():
            moments.setdefault(tuple(event.split()[:2]), parts.clock.seconds())
        moments = {key: at for key, at in moments.items() if key[0] != "settled"}
    for n in range(16):
        assert moments["ended", f"b{n}"] - moments["started", f"b{n}"] < 50


def test_three_dead_outlets_keep_no_other_board_from_its_turn():
    parts = lab()
    for number in (1, 2, 3):
        parts.relay_board.stuck.add(Relay(1, number))
        parts.relay_board.relays_on.add(Relay(1, number))
        parts.power.owe([Owed(Outlet("rack1", f"1/{number}"), f"b{number}", 1)])
    parts.run(300)
    became = [state for _, state in parts.reports.became]
    assert became == ["Suspect", "Broken"]
    for number in (4, 5, 6, 7):
        parts.power.cycle(f"b{number}", 1, (Outlet("rack1", f"1/{number}"),))
    parts.run(100)
    ended = [event for event in parts.events if event.startswith("ended")]
    assert ended == [f"ended b{number} 1: ok" for number in (4, 5, 6, 7)]
    parts.run(1000)
    assert [state for _, state in parts.reports.became] == [*became, "Working"]
    assert len(parts.power.owed()) == 3


acts = st.one_of(
    st.tuples(st.just("cycle"), st.integers(1, 3)),
    st.tuples(st.just("hang up"), st.none()),
    st.tuples(st.just("reachable"), st.sampled_from([True, False, None])),
    st.tuples(st.just("answer"), st.sampled_from([SILENCE, [b"\1"], [b"\0\1\2"]])),
    st.tuples(st.just("stuck"), st.integers(1, 3)),
)


@given(st.lists(st.tuples(st.floats(0, 4), acts), max_size=15))
@settings(max_examples=60, deadline=None)
def test_whatever_a_relay_board_does_every_board_is_on_again_and_told_of(script):
    parts = lab()
    relay_board, generation = parts.relay_board, 0
    for seconds, (act, value) in script:
        if act == "cycle":
            generation += 1
            outlet = Outlet("rack1", f"1/{value}")
            parts.power.cycle(f"b{value}", generation, (outlet,))
        elif act == "hang up":
            relay_board.hang_up()
        elif act == "reachable":
            relay_board.reachable = value
        elif act == "answer":
            for command in ("switch on", "switch off", "read"):
                odd = relay_board.oddities.setdefault(
                    f"{command} relay 1 of bank 1", []
                )
                odd.append(value)
        else:
            relay_board.stuck ^= {Relay(1, value)}
        parts.run(seconds)
    relay_board.reachable = True
    relay_board.stuck.clear()
    relay_board.oddities.clear()
    parts.run(600)
    assert (relay_board.relays_on, parts.power.owed()) == (set(), [])
    started = {event[8:-1] for event in parts.events if event.startswith("started")}
    ended = [
        " ".join(event.replace(":", "").split()[1:3])
        for event in parts.events
        if event.startswith(("ended", "void"))
    ]
    assert sorted(ended) == sorted(started)
    assert parts.clock.getDelayedCalls() == []


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
