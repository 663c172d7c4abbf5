"""The queue of one relay board: whose turn it is, on which connection, and its end."""

from __future__ import annotations

import pytest

from lifeguard.model import Outlet
from lifeguard.power.step import STEP_SECONDS
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE
from tests.relay_rig import LINK, off, on, rig


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


def test_a_requests_time_begins_when_its_turn_comes():
    parts = rig()
    parts.relay_board.round_trip = 1.5  # three of them, to switch an outlet
    numbers = range(1, 9)
    for number in numbers:
        parts.switch(number, on=False)
    parts.run(len(numbers) * 4.5 + 1.5)
    assert parts.heard[-1][0] - 100 > STEP_SECONDS
    assert [what for _, what in parts.heard] == [f"{n} off" for n in numbers]
    assert parts.states() == []


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


def test_a_test_that_is_cut_short_by_the_end_says_nothing_of_the_relay_board():
    parts = rig()
    parts.relay_board.reachable = None
    parts.hear("test", parts.queue.test())
    parts.run(1)
    parts.queue.close()
    parts.run(1)
    assert [what for _, what in parts.heard] == ["test: Closed"]
    assert (parts.states(), parts.queue.status().last_error) == ([], None)


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
