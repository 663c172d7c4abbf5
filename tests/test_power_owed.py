"""Outlets that are owed: tried until they are on and that is noted."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from lifeguard.model import Outlet, Owed
from lifeguard.power.owed import OwedOutlets
from tests.power_rig import NO_STORE, A, B, FakeReports, in_off_half, rig


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
    parts.reports.noting += [fail(NO_STORE)]
    parts.power.owe([Owed(A, "a", 4), Owed(B, "b", 1)])
    parts.answer(A, on=True)
    parts.told()
    parts.power.store_is_back()
    assert parts.told() == ["settled rack1/1/1 a 4"]
    assert [outlet for outlet, _, _ in parts.owed()] == ["rack1/1/2"]


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


def test_who_hears_that_a_debt_is_dropped_may_drop_the_others_meanwhile():
    owed = OwedOutlets({}, Clock(), FakeReports([]))
    for outlet, board in ((A, "a"), (B, "b")):
        owed.add(Owed(outlet, board, 1))
    first, second = owed.of("rack1")
    first.addCallback(lambda _: owed.stop())
    assert owed.drop_those_of("rack1") == ["a", "b"]
    assert second.called
    assert owed.shown() == []
