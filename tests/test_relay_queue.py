"""The queue of one relay board: order, connections, and what one failure costs."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from lifeguard.model import Outlet, RelayBoard
from lifeguard.power import RelayBoardQueue
from lifeguard.power.drivers.proxr import Proxr
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE, FakeRelayBoard


class Rig(NamedTuple):
    queue: RelayBoardQueue
    relay_board: FakeRelayBoard
    clock: Clock
    heard: list
    told: list

    def states(self):
        """What the relay board has become, one after the other."""
        return list(self.told)

    def switch(self, number, on):
        switching = self.queue.switch(Outlet("rack1", f"1/{number}"), on)
        self.hear(f"{number} {'on' if on else 'off'}", switching)
        return switching

    def hear(self, what, deferred):
        def note(result):
            error = "" if result is None else f": {type(result.value).__name__}"
            what_came = f"{what}{error}" if error else what
            self.heard.append((self.clock.seconds(), what_came))

        deferred.addBoth(note)

    def run(self, seconds):
        self.clock.pump([0.125] * int(seconds * 8))


def rig(**limits):
    clock = Clock()
    clock.advance(100)
    relay_board = FakeRelayBoard(clock)
    record = RelayBoard(
        name="rack1", driver="proxr", address="192.0.2.10:2101", **limits
    )
    device = Proxr(clock, relay_board, "classic", linger=3.0)
    queue, states = RelayBoardQueue(clock, record, device), []
    queue.hear(lambda: states.append(queue.since.state))
    return Rig(queue, relay_board, clock, [], states)


LINK = "link test"


def on(number):
    """What the relay board sees when power is given to an outlet."""
    read = f"read relay {number} of bank 1"
    return [f"switch off relay {number} of bank 1", read, read]


def off(number):
    """What the relay board sees when power is taken from an outlet."""
    read = f"read relay {number} of bank 1"
    return [f"switch on relay {number} of bank 1", read, read]


def test_all_that_wait_are_served_in_turn_on_one_connection():
    parts = rig()
    for number in (1, 2, 3):
        parts.switch(number, on=False)
    parts.run(2)
    assert parts.relay_board.seen_without_times() == [
        "connected",
        LINK,
        *off(1),
        *off(2),
        *off(3),
    ]
    assert parts.heard == [(100.5, "1 off"), (100.875, "2 off"), (101.25, "3 off")]
    assert parts.relay_board.relays_on == {Relay(1, 1), Relay(1, 2), Relay(1, 3)}


def test_switching_on_goes_before_switching_off_and_both_before_a_turn():
    parts = rig()
    parts.switch(1, on=False)
    parts.run(0.25)
    parts.hear("turn", parts.queue.turn([]))
    parts.switch(2, on=False)
    parts.switch(3, on=True)
    parts.run(2)
    served = [what for _, what in parts.heard]
    assert served == ["1 off", "3 on", "2 off", "turn"]


def test_a_turn_comes_at_once_when_nothing_waits_and_needs_no_connection():
    parts = rig()
    parts.hear("turn", parts.queue.turn([]))
    assert (parts.heard, parts.relay_board.seen) == ([(100, "turn")], [])


def test_a_connection_that_is_still_ending_rests_before_the_next_all_the_same():
    parts = rig()
    parts.switch(1, on=False)
    parts.run(3)
    parts.clock.callLater(0.5, parts.switch, 1, on=True)  # after the idle close
    parts.run(2.5)
    parts.relay_board.transport.deliver(b"unasked")
    parts.switch(1, on=False)
    parts.run(4)
    assert [(at, what) for at, what in parts.relay_board.seen if "connect" in what] == [
        (100, "connected"),
        (104.5, "connected"),
        (106.5, "connected"),
    ]
    assert [what for _, what in parts.heard] == ["1 off", "1 on", "1 off"]


def test_an_idle_connection_is_kept_beyond_the_off_time_and_then_closed():
    parts = rig()
    parts.switch(1, on=False)
    parts.run(3)
    assert parts.queue.status().connected
    parts.switch(1, on=True)
    parts.run(10)
    assert parts.relay_board.seen[0] == (100, "connected")
    # The last read was answered at 103.375; off time 1 s, and 2 s more.
    assert parts.relay_board.seen[-1] == (106.375, "closed")
    assert not parts.queue.status().connected
    assert parts.clock.getDelayedCalls() == []


def test_a_closed_connection_rests_before_the_next():
    parts = rig()
    parts.switch(1, on=False)
    parts.run(3.5)
    assert parts.relay_board.seen[-1] == (103.5, "closed")
    parts.run(0.5)
    parts.switch(1, on=True)
    parts.run(4)
    moments = [at for at, what in parts.relay_board.seen if what == "connected"]
    assert moments == [100, 104.5]


def test_a_connection_lost_while_idle_fails_nobody():
    parts = rig()
    parts.switch(1, on=False)
    parts.run(1)
    parts.relay_board.hang_up()
    parts.run(0.125)
    parts.switch(1, on=True)
    parts.run(2)
    assert [what for _, what in parts.heard] == ["1 off", "1 on"]


def test_an_answer_that_goes_on_later_does_not_reach_the_next_request():
    parts = rig()
    read = "read relay 1 of bank 1"
    parts.relay_board.oddities[read] = [[b"\1"], [b"\1"] * 50]
    parts.switch(1, on=False)
    parts.run(1)
    parts.switch(2, on=False)
    parts.run(2)
    assert parts.relay_board.seen_without_times() == [
        "connected",
        LINK,
        *off(1),
        "aborted",
        "connected",
        LINK,
        *off(2),
    ]
    assert [what for _, what in parts.heard] == ["1 off", "2 off"]


# What fails.


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


async def explode(rest, on, deadline):
    raise KeyError("x")


# Who asks for the same outlet, or in a hurry.


def test_two_who_want_the_same_of_an_outlet_share_one_request():
    parts = rig()
    parts.switch(1, on=False)
    parts.switch(2, on=True)
    parts.switch(2, on=True)
    parts.run(2)
    assert parts.relay_board.seen_without_times() == [
        "connected",
        LINK,
        *off(1),
        *on(2),
    ]
    assert [what for _, what in parts.heard] == ["1 off", "2 on", "2 on"]


def test_the_newer_of_two_opposite_wishes_is_done():
    parts = rig()
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.switch(2, on=True)
    parts.run(2)
    assert parts.relay_board.seen_without_times()[2:] == [*off(1), *on(2)]
    assert [what for _, what in parts.heard] == ["2 off: Superseded", "1 off", "2 on"]


def test_who_hears_that_a_wish_is_superseded_may_ask_again_at_once():
    parts = rig()
    parts.switch(1, on=False)
    parts.switch(2, on=False).addCallback(lambda _: parts.switch(2, on=True))
    parts.switch(2, on=True)
    parts.run(2)
    assert parts.relay_board.seen_without_times()[2:] == [*off(1), *on(2)]
    assert [what for _, what in parts.heard if what == "2 on"] == ["2 on", "2 on"]


def test_what_is_urgent_waits_only_for_the_request_in_hand():
    parts = rig()
    for number in (1, 2, 3):
        parts.switch(number, on=True)
    parts.run(0.25)
    parts.hear("now", parts.queue.switch(Outlet("rack1", "1/8"), False, urgent=True))
    parts.run(2)
    assert [what for _, what in parts.heard] == ["1 on", "now", "2 on", "3 on"]


def test_outlets_are_switched_on_so_many_at_once_and_so_far_apart():
    parts = rig(on_at_once=2, on_apart=4.0)
    for number in (1, 2, 3, 4):
        parts.switch(number, on=True)
    parts.run(3)
    parts.switch(8, on=False)  # that draws no current
    parts.run(20)
    assert parts.heard == [
        (100.5, "1 on"),
        (100.875, "2 on"),
        (103.375, "8 off"),
        (104.875, "3 on"),
        (105.25, "4 on"),
    ]


def test_only_so_many_cycles_are_in_hand_together():
    parts = rig(together=2)
    parts.switch(1, on=True)
    parts.run(1)
    for number in range(3):
        parts.hear(number, parts.queue.turn([]))
    assert [what for _, what in parts.heard] == ["1 on", 0, 1]
    parts.queue.give_back()
    assert [what for _, what in parts.heard] == ["1 on", 0, 1, 2]


@pytest.mark.parametrize(
    ("here", "elsewhere", "together"), [(1, 0, 5), (2, 0, 2), (9, 0, 1), (1, 8, 5)]
)
def test_no_more_cycles_are_in_hand_than_a_slow_relay_board_can_serve_in_time(
    here, elsewhere, together
):
    parts = rig()
    parts.relay_board.round_trip = 1.0  # three of them, to switch an outlet
    outlets = {"rack1": here, "rack2": elsewhere}
    board = [Outlet(name, f"2/{n}") for name in outlets for n in range(outlets[name])]
    for number in range(16):
        parts.hear(number, parts.queue.turn(board))
    assert [what for _, what in parts.heard] == [0]  # it shows how long that takes
    parts.switch(1, on=True)
    parts.run(5)
    parts.switch(1, on=False)
    parts.run(5)
    given = [what for _, what in parts.heard if isinstance(what, int)]
    assert given == list(range(together))


def test_a_turn_that_is_cancelled_has_left_the_line():
    parts = rig()
    parts.hear("first", parts.queue.turn([]))
    waiting = parts.queue.turn([])
    parts.hear("second", waiting)
    parts.hear("third", parts.queue.turn([]))
    waiting.cancel()
    parts.queue.give_back()
    assert [what for _, what in parts.heard] == [
        "first",
        "second: CancelledError",
        "third",
    ]


def test_a_closed_queue_tries_nothing_more_and_gives_no_turn():
    parts = rig()
    parts.relay_board.oddities[LINK] = [SILENCE, SILENCE]
    parts.switch(1, on=False)
    parts.hear("turn", parts.queue.turn([]))
    parts.run(7)  # it is ill, and is tested again
    parts.queue.close()
    seen = len(parts.relay_board.seen)
    parts.run(60)
    assert parts.relay_board.seen[seen:] == []
    assert [what for _, what in parts.heard] == ["1 off: Closed"]
    assert parts.clock.getDelayedCalls() == []


def test_a_request_that_waits_can_be_taken_back():
    parts = rig()
    parts.switch(1, on=False)
    parts.switch(2, on=False).cancel()
    parts.run(2)
    assert "switch on relay 2 of bank 1" not in parts.relay_board.seen_without_times()
    assert parts.heard == [(100, "2 off: CancelledError"), (100.5, "1 off")]


def test_a_request_under_way_is_finished_although_nobody_listens():
    parts = rig()
    switching = parts.switch(1, on=False)
    parts.run(0.25)
    switching.cancel()
    parts.run(1)
    assert parts.relay_board.seen_without_times() == ["connected", LINK, *off(1)]


def test_an_outlet_that_the_driver_does_not_know_fails_at_once():
    parts = rig()
    parts.hear("odd", parts.queue.switch(Outlet("rack1", "9"), on=True))
    assert parts.heard == [(100, "odd: BadOutlet")]
    assert parts.relay_board.seen == []


def test_a_link_test_goes_through_the_queue():
    parts = rig()
    parts.switch(1, on=False)
    parts.hear("test", parts.queue.test())
    parts.run(1)
    assert parts.relay_board.seen_without_times() == ["connected", LINK, *off(1), LINK]
    assert [what for _, what in parts.heard] == ["1 off", "test"]


def test_status_tells_what_waits_and_what_came_last():
    parts = rig()
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(0.25)
    status = parts.queue.status()
    assert (status.name, status.connected, status.waiting) == ("rack1", True, 1)
    assert (status.last_success, status.last_error) == (None, None)
    parts.relay_board.hang_up()
    parts.run(3)
    status = parts.queue.status()
    assert (status.waiting, status.last_success) == (0, 102.375)
    assert "before the answer to" in status.last_error
    assert status.last_error_at == 100.375


def test_closing_fails_what_waits_and_disconnects():
    parts = rig()
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(0.25)
    parts.hear("closed", parts.queue.close())
    parts.switch(3, on=True)
    parts.run(5)
    assert sorted(what for _, what in parts.heard) == [
        "1 off: Closed",
        "2 off: Closed",
        "3 on: Closed",
        "closed",
    ]
    assert parts.relay_board.seen[-1] == (100.25, "aborted")
    assert parts.clock.getDelayedCalls() == []


def test_closing_gives_up_a_connection_that_is_being_opened():
    for reachable, odd in [(None, None), (True, SILENCE)]:
        parts = rig()
        parts.relay_board.reachable = reachable
        parts.relay_board.oddities[LINK] = [] if odd is None else [odd]
        parts.switch(1, on=False)
        parts.run(1)
        parts.hear("closed", parts.queue.close())
        parts.run(1)
        assert sorted(what for _, what in parts.heard) == ["1 off: Closed", "closed"]
        assert parts.clock.getDelayedCalls() == []


def test_an_error_says_in_one_line_what_it_was():
    parts = rig()
    parts.relay_board.reachable = False
    texts = []
    parts.queue.test().addErrback(lambda failure: texts.append(str(failure.value)))
    assert texts == ["cannot be reached: Connection was refused by other side"]


# Who only wants to look.


def look(parts, number):
    looking = parts.queue.read(Outlet("rack1", f"1/{number}"))
    looking.addCallback(lambda has_power: parts.heard.append((number, has_power)))
    return looking


def test_an_outlet_is_read_and_nothing_is_touched():
    parts = rig()
    parts.relay_board.relays_on.add(Relay(1, 2))
    look(parts, 1)
    look(parts, 2)
    parts.run(2)
    assert parts.heard == [(1, True), (2, False)]
    assert parts.relay_board.seen_without_times() == [
        "connected",
        LINK,
        *on(1)[1:],
        *on(2)[1:],
    ]


def test_a_look_waits_for_all_else():
    parts = rig()
    parts.switch(1, on=False)
    look(parts, 2)
    parts.switch(3, on=False)
    parts.hear("turn", parts.queue.turn([Outlet("rack1", "1/4")]))
    parts.run(3)
    assert [heard[1] for heard in parts.heard] == ["1 off", "3 off", "turn", True]


def test_a_look_that_is_taken_back_is_not_made_and_one_under_way_disturbs_nobody():
    parts = rig()
    looks = [look(parts, number) for number in (1, 2, 3)]
    parts.run(0.25)
    for each in looks[:2]:
        each.addErrback(lambda failure: failure.trap(CancelledError))
        each.cancel()
    parts.run(2)
    assert parts.heard == [(3, True)]
    seen = parts.relay_board.seen_without_times()
    assert seen == ["connected", LINK, *on(1)[1:], *on(3)[1:]]


def test_a_look_finds_out_that_a_relay_board_is_ill():
    parts = rig()
    parts.relay_board.reachable = False
    parts.hear("look", look(parts, 1))
    parts.run(1)
    assert ([what for _, what in parts.heard], parts.states()) == (
        ["look: Unreachable"],
        ["Suspect"],
    )
    parts.relay_board.reachable = True
    parts.run(5)
    assert parts.states() == ["Suspect", "Working"]


def test_reads_that_disagree_are_no_illness_of_the_relay_board():
    parts = rig()
    parts.relay_board.oddities["read relay 1 of bank 1"] = [[b"\1"], [b"\0"]]
    parts.hear("look", look(parts, 1))
    parts.run(1)
    assert ([what for _, what in parts.heard], parts.states()) == (
        ["look: ReadsDisagree"],
        [],
    )


def test_nobody_looks_at_a_relay_board_that_is_being_closed():
    parts = rig()
    parts.hear("under way", look(parts, 1))
    parts.hear("waits", look(parts, 2))
    parts.queue.close()
    parts.hear("late", look(parts, 3))
    assert sorted(what for _, what in parts.heard) == [
        "late: Closed",
        "under way: Closed",
        "waits: Closed",
    ]
    parts.run(2)
