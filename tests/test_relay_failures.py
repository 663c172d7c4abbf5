"""The queue of one relay board: what one failure costs, and whom."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from lifeguard.model import Outlet
from lifeguard.power.step import STEP_SECONDS
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE
from tests.relay_rig import LINK, off, rig


def test_an_oddity_costs_a_new_connection_and_a_test_but_no_request():
    for answer in (SILENCE, [b"\1" * 50], [b"\7"]):
        parts = rig()
        parts.relay_board.oddities["read relay 1 of bank 1"] = [answer]
        parts.switch(1, on=False)
        parts.switch(2, on=False)
        parts.run(12)
        assert parts.states()[:2] == ["Suspect", "Working"]
        assert parts.relay_board.seen_without_times()[:-1] == [
            "connected",
            LINK,
            *off(1)[:2],
            "aborted",
            "connected",
            LINK,
            LINK,
            *off(2),
            *off(1),
        ]
        assert [what for _, what in parts.heard] == ["2 off", "1 off"]


def test_one_outlet_that_never_does_as_it_is_told_fails_alone():
    silent = "switch on relay 1 of bank 1"
    for break_it in (
        lambda board: board.stuck.add(Relay(1, 1)),
        lambda board: board.oddities.update({silent: [SILENCE] * 9}),
    ):
        parts = rig()
        break_it(parts.relay_board)
        for number in (1, 2, 3):
            parts.switch(number, on=False)
        parts.run(30)
        assert [what.partition(":")[0] for _, what in parts.heard] == [
            "2 off",
            "3 off",
            "1 off",
        ]
        assert "1 off: N" in parts.heard[-1][1]
        assert parts.queue.since.state == "Working"


def test_one_outlet_fails_alone_also_where_no_other_is_asked_for():
    parts = rig()
    parts.relay_board.oddities["switch on relay 1 of bank 1"] = [SILENCE] * 9
    parts.switch(1, on=False)
    parts.run(15)
    assert [what for _, what in parts.heard] == ["1 off: NoAnswer"]
    assert parts.states() == ["Suspect", "Working"]


def test_outlets_that_all_stick_are_the_relay_boards_failure():
    parts = rig()
    for number in range(1, 9):
        parts.relay_board.stuck.add(Relay(1, number))
        parts.switch(number, on=False)
    parts.run(25)
    assert (parts.heard, parts.states()) == ([], ["Suspect"])
    parts.relay_board.stuck.clear()
    parts.run(30)
    assert parts.states() == ["Suspect", "Working"]
    assert sorted(what for _, what in parts.heard) == [
        f"{number} off" for number in range(1, 9)
    ]


def test_outlets_that_fail_alike_are_judged_by_one_that_waits_for_its_turn():
    parts = rig()
    for number in (1, 2, 3):
        parts.relay_board.stuck.add(Relay(1, number))
        switch_for_ever(parts, number)
    parts.run(100)
    assert parts.states() == ["Suspect", "Broken"]
    outlet = Outlet("rack1", "1/4")
    turn = parts.queue.turn([outlet])
    turn.addCallback(lambda _: parts.hear("4 off", parts.queue.switch(outlet, False)))
    parts.run(70)
    assert "4 off" in [what for _, what in parts.heard]
    assert parts.states() == ["Suspect", "Broken", "Working"]
    parts.heard.clear()
    parts.run(200)
    assert {what for _, what in parts.heard} == {
        f"{number} on: NotSwitched" for number in (1, 2, 3)
    }
    assert parts.states() == ["Suspect", "Broken", "Working"]
    parts.queue.close()


def switch_for_ever(parts, number):
    """As a debt does it."""
    parts.relay_board.relays_on.add(Relay(1, number))
    switching = parts.switch(number, on=True)
    again = lambda _: parts.clock.callLater(20, switch_for_ever, parts, number)  # noqa: E731
    switching.addBoth(again)


def test_a_passed_test_does_not_mend_relays_that_do_not_move():
    parts = rig()
    for number in (1, 2, 3):
        parts.relay_board.stuck.add(Relay(1, number))
        parts.switch(number, on=False)
    parts.run(600)
    assert parts.states() == ["Suspect", "Broken"]
    links = [at for at, what in parts.relay_board.seen if what == LINK]
    assert len(links) < 60
    parts.relay_board.stuck.clear()
    outlet = Outlet("rack1", "1/1")
    turn = parts.queue.turn([outlet], urgent=True)
    turn.addCallback(lambda _: parts.queue.switch(outlet, False))
    parts.run(70)
    assert parts.states() == ["Suspect", "Broken", "Working"]


UNREACHABLE = {
    "refuses": lambda board: setattr(board, "reachable", False),
    "does not accept": lambda board: setattr(board, "reachable", None),
    "says nothing": lambda board: board.oddities.update({LINK: [SILENCE] * 99}),
}


@pytest.mark.parametrize("how", UNREACHABLE)
def test_a_relay_board_that_is_not_there_is_broken_after_half_a_minute(how):
    parts = rig()
    UNREACHABLE[how](parts.relay_board)
    for number in range(1, 9):
        parts.switch(number, on=number % 2 == 0)
    parts.hear("turn", parts.queue.turn([]))
    parts.run(28)
    assert (parts.heard, parts.states()) == ([], ["Suspect"])
    parts.run(30)
    assert parts.states() == ["Suspect", "Broken"]
    assert sorted(what for _, what in parts.heard) == [
        f"{number} {'on' if number % 2 == 0 else 'off'}: Ill" for number in range(1, 9)
    ]


def test_a_broken_relay_board_is_tried_ever_more_seldom_and_works_again_by_itself():
    parts = rig()
    parts.relay_board.reachable = False
    parts.switch(1, on=False)
    parts.run(150)
    refused = [at - 100 for at, what in parts.relay_board.seen if what == "refused"]
    assert refused == [0, 1, 3, 7, 15, 31, 61, 91, 121]
    parts.hear("turn", parts.queue.turn([]))
    parts.relay_board.reachable = True
    parts.run(0.5)
    assert parts.queue.since.state == "Broken"
    parts.run(30)
    assert parts.states() == ["Suspect", "Broken", "Working"]
    assert [what for _, what in parts.heard] == ["1 off: Ill", "turn"]


def test_a_person_may_test_a_broken_relay_board_at_once():
    parts = rig()
    parts.relay_board.reachable = False
    parts.switch(1, on=False)
    parts.run(63)
    parts.relay_board.reachable = True
    parts.hear("test", parts.queue.test())
    parts.run(1)
    assert parts.heard[1:] == [(163.25, "test")]
    assert parts.queue.since.state == "Working"


def test_what_a_driver_raises_is_the_relay_boards_failure(logged_failures):
    parts = rig()
    parts.queue._device.switch = explode
    parts.switch(1, on=True)
    parts.run(1)
    assert parts.states() == ["Suspect"]
    assert parts.queue.status().last_error == "its driver failed: KeyError('x')"
    parts.queue.close()
    logged_failures.clear()


def test_a_driver_that_never_ends_holds_up_nobody_for_ever():
    parts = rig()
    parts.queue._device.switch = never_end
    parts.switch(1, on=True)
    parts.run(STEP_SECONDS + 0.875)
    assert parts.states() == []
    parts.run(0.125)
    text = "its driver did not come to an end within 31 s"
    assert parts.queue.status().last_error == text
    assert parts.states() == ["Suspect"]
    parts.queue.close()


def test_a_driver_that_gives_up_does_not_say_that_lifeguard_is_stopping():
    parts = rig()
    parts.queue._device.switch = give_up
    parts.switch(1, on=True)
    parts.run(1)
    text = "its driver gave up, and did not say why"
    assert parts.queue.status().last_error == text
    assert parts.states() == ["Suspect"]
    parts.queue.close()


async def give_up(rest, on, deadline):
    raise CancelledError


async def never_end(rest, on, deadline):
    await Deferred()


async def explode(rest, on, deadline):
    raise KeyError("x")
