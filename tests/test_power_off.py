"""Boards that are to be without power: off at once, kept off, and on again by order."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from lifeguard.model import Outlet, Owed
from lifeguard.power.errors import Ill, RelayError
from lifeguard.wire.proxr import Relay
from tests.power_rig import A, B, C, Rig, in_off_half, lab, rig

OFF_1 = ["started a 1?", "off rack1/1/1 at once"]


def test_a_board_is_switched_off_when_that_is_committed_to_begin() -> None:
    parts = rig()
    wanted = parts.reports.wanted[1] = Deferred()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    assert parts.told() == ["started a 1?"]
    wanted.callback(True)
    assert parts.told() == ["off rack1/1/1 at once"]
    parts.answer(A, on=False)
    assert parts.told() == ["switched off a 1"]


def test_what_no_person_has_asked_for_is_not_urgent() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=False)
    assert parts.told() == ["started a 1?", "off rack1/1/1"]


def test_nothing_is_switched_off_that_nobody_wants_off_any_more() -> None:
    parts = rig()
    wanted = parts.reports.wanted[1] = Deferred()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    wanted.callback(False)
    assert parts.told() == ["started a 1?"]


def test_it_waits_for_no_turn() -> None:
    parts = rig()
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("b", 1, (B,))
    parts.power.switch_off("a", 1, (A,), urgent=True)
    assert parts.told() == OFF_1


@pytest.mark.parametrize("moment", [0.02, 0.2, 0.4])
def test_a_persons_order_is_the_next_thing_a_busy_relay_board_does(moment) -> None:
    parts = lab()
    for number in range(14):
        outlet = Outlet("rack1", f"{1 + number // 8}/{1 + number % 8}")
        parts.power.cycle(f"b{number}", 1, (outlet,))
    parts.run(moment)
    assert parts.power.relay_boards()[0].waiting > 1
    seen = len(parts.relay_board.seen)
    parts.power.switch_off("z", 1, (Outlet("rack1", "2/8"),), urgent=True)
    parts.run(2)
    after = parts.relay_board.seen_without_times()[seen:]
    next_done = next(what for what in after if what.startswith("switch"))
    assert next_done == "switch on relay 8 of bank 2"


def test_a_cycle_of_the_board_that_has_not_begun_is_forgotten() -> None:
    parts = rig()
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("a", 1, (A,))
    parts.power.switch_off("a", 2, (A,), urgent=True)
    parts.answer(A, on=False)
    parts.queues["rack1"].give_turns()
    assert parts.told() == ["started a 2?", "off rack1/1/1 at once", "switched off a 2"]


def test_a_cycle_of_the_board_that_has_begun_is_finished_first() -> None:
    parts = in_off_half()
    parts.power.switch_off("a", 2, (A,), urgent=True)
    assert parts.told() == []
    parts.clock.advance(1.0)
    parts.answer(A, on=True)
    assert parts.told() == [
        "on rack1/1/1",
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "started a 2?",
        "off rack1/1/1 at once",
    ]


def test_what_that_cycle_could_not_switch_on_is_not_owed() -> None:
    parts = in_off_half()
    parts.power.switch_off("a", 2, (A,), urgent=True)
    parts.clock.advance(1.0)
    parts.answer(A, on=True, failure="stuck")
    assert parts.owed() == []
    assert parts.told()[-2:] == ["started a 2?", "off rack1/1/1 at once"]


def test_a_debt_is_dropped_before_the_board_is_switched_off() -> None:
    parts = rig()
    parts.power.owe([Owed(A, "a", 1)])
    parts.answer(A, on=True, failure="stuck")
    parts.power.switch_off("a", 2, (A,), urgent=True)
    parts.clock.advance(600)
    assert parts.told() == ["on rack1/1/1", "started a 2?", "off rack1/1/1 at once"]
    assert parts.owed() == []


def test_a_debts_try_that_is_under_way_is_followed_by_nothing() -> None:
    parts = rig()
    parts.power.owe([Owed(A, "a", 1)])
    parts.power.switch_off("a", 2, (A,), urgent=True)
    parts.answer(A, on=True)
    parts.answer(A, on=False)
    assert parts.told() == [
        "on rack1/1/1",
        "started a 2?",
        "off rack1/1/1 at once",
        "switched off a 2",
    ]


def test_a_cycle_takes_back_what_has_not_been_switched_off() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    taken_back = parts.queues["rack1"].asked[A, False]
    parts.power.cycle("a", 2, (A,))
    assert taken_back.called
    parts.answer(A, on=False)
    parts.clock.advance(1.0)
    parts.answer(A, on=True)
    assert parts.told() == [
        *OFF_1,
        "started a 2?",
        "off rack1/1/1",
        "on rack1/1/1",
        "settled rack1/1/1 a 2",
        "ended a 2: ok",
    ]


def test_an_outlet_that_sticks_fails_the_order() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A, C), urgent=True)
    parts.answer(A, on=False, failure="stuck")
    parts.answer(C, on=False)
    assert parts.told()[-1] == "ended a 1: not switched off: rack1/1/1: stuck"


def test_a_broken_relay_board_makes_the_order_void() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.queues["rack1"].asked.pop((A, False)).errback(Ill("dead"))
    void = "void a 1 for 86400: not switched off: rack1/1/1: dead"
    assert parts.told()[-1] == void


def test_an_ill_relay_board_is_waited_for() -> None:
    parts = rig()
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.queues["rack1"].become("Broken", "no answer")
    parts.queues["rack1"].become("Working")
    assert parts.told() == [
        "held a 1 for 86400: rack1 is suspect: no answer",
        "held a 1 for 86400: rack1 is broken: no answer",
        *OFF_1,
    ]


def test_what_is_urgent_is_first_in_line_at_an_ill_relay_board() -> None:
    parts = rig()
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.power.cycle("b", 1, (B,))
    parts.power.switch_off("a", 2, (A,), urgent=True)
    parts.told()
    parts.queues["rack1"].become("Working")
    assert parts.told() == [
        "started a 2?",
        "off rack1/1/1 at once",
        "started b 1?",
        "off rack1/1/2",
    ]


def test_any_relay_board_of_its_that_is_ill_holds_a_board() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A, C), urgent=True)
    parts.told()
    for name in ("rack2", "rack1"):
        parts.queues[name].become("Suspect", "no answer")
    assert parts.told() == [
        "held a 1 for 86400: rack2 is suspect: no answer",
        "held a 1 for 86400: rack1 is suspect: no answer",
    ]


def test_one_that_falls_ill_meanwhile_stops_the_time() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.queues["rack1"].become("Working")
    assert parts.told() == [
        *OFF_1,
        "held a 1 for 86400: rack1 is suspect: no answer",
        "goes on a 1",
    ]


def test_a_board_that_is_off_is_switched_off_again_after_its_relay_boards_illness() -> (
    None
):
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.answer(A, on=False)
    parts.power.keep_off("a", 1, (A,))
    parts.told()
    parts.queues["rack1"].become("Suspect", "it lost its power")
    assert parts.told() == []
    parts.queues["rack1"].become("Working")
    assert parts.told() == ["off rack1/1/1"]


def test_another_relay_boards_illness_is_nothing_to_a_board_that_is_off() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.answer(A, on=False)
    parts.told()
    parts.queues["rack2"].become("Suspect", "no answer")
    parts.queues["rack2"].become("Working")
    assert parts.told() == []


def test_a_board_that_was_off_is_switched_off_again_after_a_start() -> None:
    parts = rig()
    parts.power.keep_off("a", 1, (A,))
    parts.answer(A, on=False, failure="stuck")
    parts.clock.advance(60)
    parts.answer(A, on=False)
    assert parts.told() == ["off rack1/1/1", "off rack1/1/1"]


def test_a_board_that_is_kept_off_no_more_owes_its_outlets() -> None:
    parts = rig()
    parts.power.keep_off("a", 1, (A,))
    parts.power.switch_on("a", 1, (A,))
    parts.answer(A, on=True)
    parts.queues["rack1"].become("Suspect")
    parts.queues["rack1"].become("Working")
    assert parts.told() == ["off rack1/1/1", "on rack1/1/1", "settled rack1/1/1 a 1"]


@pytest.mark.parametrize("was_off", [True, False])
def test_a_stop_leaves_no_board_off_whose_cycle_was_to_bring_it_back(
    was_off: bool,
) -> None:
    parts = rig()
    if was_off:
        parts.power.switch_off("a", 1, (A,), urgent=True)
        parts.answer(A, on=False)
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("a", 2, (A,))
    parts.told()
    parts.power.stopService()
    assert parts.told()[:1] == (["on rack1/1/1"] if was_off else ["close rack1"])
    parts.clock.advance(60)


def test_a_board_that_a_cycle_has_brought_back_is_not_off_any_more() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.answer(A, on=False)
    parts.power.cycle("a", 2, (A,))
    parts.answer(A, on=False)
    parts.clock.advance(1.0)
    parts.answer(A, on=True)
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("a", 3, (A,))
    parts.told()
    parts.power.stopService()
    assert parts.told() == ["close rack1", "close rack2"]


def test_a_stop_ends_what_keeps_a_board_off() -> None:
    parts = rig()
    parts.power.keep_off("a", 1, (A,))
    parts.power.stopService()
    parts.queues["rack1"].become("Suspect")
    parts.queues["rack1"].become("Working")
    assert parts.told() == ["off rack1/1/1", "close rack1", "close rack2"]
    assert parts.at_rest()


def test_an_unknown_relay_board_fails_the_order() -> None:
    parts = rig()
    gone = A._replace(relay_board="gone")
    parts.power.switch_off("a", 1, (gone,), urgent=True)
    parts.power.keep_off("a", 1, (gone,))
    assert parts.told() == [
        "ended a 1: gone/1/1: no relay board gone in the inventory",
    ]


def test_an_order_that_has_failed_waits_for_no_relay_board() -> None:
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.answer(A, on=False, failure="stuck")
    parts.told()
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.queues["rack1"].become("Working")
    assert parts.told() == []


def test_a_board_is_kept_off_only_when_its_cycle_has_ended() -> None:
    parts = in_off_half()
    parts.power.keep_off("a", 1, (A,))
    parts.queues["rack1"].become("Suspect", "no answer")
    parts.queues["rack1"].become("Working")
    parts.clock.advance(1.0)
    parts.told()
    parts.answer(A, on=True)
    assert parts.told() == [
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "off rack1/1/1",
    ]


def test_an_outlet_that_a_cycle_of_another_board_brings_back_is_off_again() -> None:
    """The inventory may give a board the outlet of one that is just being cycled."""
    parts = in_off_half()
    parts.power.switch_off("b", 1, (A,), urgent=True)
    parts.answer(A, on=False)
    parts.clock.advance(1.0)
    parts.told()
    parts.answer(A, on=True)
    assert parts.told() == [
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "off rack1/1/1",
    ]


def test_relays_that_do_not_move_are_tried_with_one_board_and_ever_more_seldom() -> (
    None
):
    parts = lab()
    for number in range(1, 5):
        parts.relay_board.stuck.add(Relay(1, number))
        parts.power.keep_off(f"b{number}", 1, (Outlet("rack1", f"1/{number}"),))
    parts.run(1000)
    became = [state for _, state in parts.reports.became]
    assert became == ["Suspect", "Broken"]
    parts.relay_board.stuck.clear()
    parts.run(200)
    assert [state for _, state in parts.reports.became] == [*became, "Working"]
    assert len(parts.relay_board.relays_on) == 4


# Whether it stays off.


def is_off():
    """A rig whose board `a` has been switched off."""
    parts = rig()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.answer(A, on=False)
    parts.told()
    return parts


def read(parts: Rig, found: bool | None) -> None:
    parts.queues["rack1"].read_of.callback(found)


def test_a_board_that_is_off_is_looked_at_at_a_quiet_pace() -> None:
    parts = is_off()
    moments = []
    for _ in range(3):
        [call] = parts.clock.getDelayedCalls()
        parts.clock.advance(call.getTime() - parts.clock.seconds())
        moments.append(parts.clock.seconds())
        read(parts, found=False)
    assert parts.told() == ["read rack1/1/1"] * 3
    assert 0 < moments[0] < 900
    assert [round(at - moments[0]) for at in moments] == [0, 900, 1800]


def test_one_that_is_found_on_is_told_and_switched_off_again() -> None:
    parts = is_off()
    parts.clock.advance(900)
    read(parts, found=True)
    assert parts.told() == ["read rack1/1/1", "found on a rack1/1/1", "off rack1/1/1"]
    parts.answer(A, on=False)
    parts.clock.advance(900)
    assert parts.told() == ["read rack1/1/1"]


def test_what_cannot_be_read_is_switched_off_once_more_and_nothing_told() -> None:
    parts = is_off()
    parts.clock.advance(900)
    read(parts, found=None)
    assert parts.told() == ["read rack1/1/1", "off rack1/1/1"]


def test_a_look_that_fails_is_nothing_but_the_relay_boards_own() -> None:
    parts = is_off()
    parts.clock.advance(900)
    parts.queues["rack1"].read_of.errback(RelayError("no answer"))
    assert parts.told() == ["read rack1/1/1"]
    parts.clock.advance(900)
    assert parts.told() == ["read rack1/1/1"]


def test_nobody_looks_where_that_is_not_wanted() -> None:
    parts = rig()
    parts.queues["rack1"].off_check = 0
    parts.power.keep_off("a", 1, (A,))
    parts.answer(A, on=False)
    assert parts.clock.getDelayedCalls() == []


def test_a_board_that_is_wanted_again_is_not_looked_at_any_more() -> None:
    for end in (
        lambda parts: parts.power.switch_on("a", 1, (A,)),
        lambda parts: parts.power.stopService(),
    ):
        parts = is_off()
        end(parts)
        assert parts.clock.getDelayedCalls() == []


def test_those_of_one_relay_board_are_not_looked_at_together() -> None:
    parts = rig()
    for number in range(1, 9):
        outlet = Outlet("rack1", f"1/{number}")
        parts.power.keep_off(f"b{number}", 1, (outlet,))
        parts.answer(outlet, on=False)
    moments = sorted(call.getTime() for call in parts.clock.getDelayedCalls())
    assert len({round(at) for at in moments}) == 8
    assert moments[-1] - moments[0] > 400


def test_a_relay_board_that_lost_its_power_does_not_leave_boards_on() -> None:
    parts = lab()
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.run(10)
    parts.told()
    parts.relay_board.relays_on.clear()  # without power it has all boards on
    parts.run(901)
    assert parts.told() == ["found on a rack1/1/1"]
    assert parts.relay_board.relays_on == {Relay(1, 1)}
    parts.power.stopService()
    parts.run(10)


def test_what_a_cycle_has_switched_off_is_in_hand_until_it_is_on_again() -> None:
    parts = in_off_half()
    assert parts.power.in_hand() == [Owed(A, "a", 1)]
    parts.clock.advance(1)
    parts.answer(A, on=True)
    assert parts.power.in_hand() == []


def test_a_board_that_was_off_is_in_hand_from_the_moment_that_it_is_wanted() -> None:
    parts = rig()
    parts.queues["rack1"].turns_come = False
    parts.power.cycle("b", 1, (B,))
    parts.power.switch_off("a", 1, (A,), urgent=True)
    parts.answer(A, on=False)
    assert parts.power.in_hand() == []
    parts.power.cycle("a", 2, (A,))
    assert parts.power.in_hand() == [Owed(A, "a", 2)]
