"""Power cycles, from their turn to the read-back, and the newer ones that come."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed

from lifeguard.model import Outlet
from tests.power_rig import NO_STORE, A, B, C, in_off_half, rig


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


def test_relay_boards_are_shown_and_tested_by_name():
    parts = rig()
    assert parts.power.relay_boards() == ["rack1", "rack2"]
    heard = []
    parts.power.test("rack1").addBoth(heard.append)
    parts.power.test("rack9").addErrback(
        lambda failure: heard.append(str(failure.value))
    )
    assert heard == [None, "no relay board rack9 in the inventory"]
