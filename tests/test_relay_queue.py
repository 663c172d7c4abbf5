"""The queue of one relay board: order, connections, and what one failure costs."""

from __future__ import annotations

from typing import NamedTuple

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

    def switch(self, number, on):
        switching = self.queue.switch(Outlet("rack1", f"1/{number}"), on)
        self.hear(f"{number} {'on' if on else 'off'}", switching)
        return switching

    def hear(self, what, deferred):
        def note(result):
            error = "" if result is None else f": {type(result.value).__name__}"
            self.heard.append((self.clock.seconds(), what + error))

        deferred.addBoth(note)

    def run(self, seconds):
        self.clock.pump([0.125] * int(seconds * 8))


def rig():
    clock = Clock()
    clock.advance(100)
    relay_board = FakeRelayBoard(clock)
    record = RelayBoard(name="rack1", driver="proxr", address="192.0.2.10:2101")
    device = Proxr(clock, relay_board, "classic", linger=3.0)
    return Rig(RelayBoardQueue(clock, record, device), relay_board, clock, [])


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
    parts.hear("turn", parts.queue.turn())
    parts.switch(2, on=False)
    parts.switch(3, on=True)
    parts.run(2)
    served = [what for _, what in parts.heard]
    assert served == ["1 off", "3 on", "2 off", "turn"]


def test_a_turn_comes_at_once_when_nothing_waits_and_needs_no_connection():
    parts = rig()
    parts.hear("turn", parts.queue.turn())
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


def test_a_failed_request_costs_a_new_connection_but_not_the_others():
    parts = rig()
    parts.relay_board.oddities["read relay 1 of bank 1"] = [[b"\x55"]]
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(3)
    assert parts.relay_board.seen_without_times() == [
        "connected",
        LINK,
        *off(1)[:2],
        "aborted",
        "connected",
        LINK,
        *off(2),
    ]
    assert parts.heard == [(100.375, "1 off: ForeignAnswer"), (101.875, "2 off")]


def test_every_oddity_of_a_relay_board_fails_its_request_with_its_own_error():
    for answer, error in [
        (SILENCE, "NoAnswer"),
        ([b"\1" * 50], "SurplusAnswer"),
        ([b"\7"], "ForeignAnswer"),
    ]:
        parts = rig()
        parts.relay_board.oddities["read relay 1 of bank 1"] = [answer]
        parts.switch(1, on=False)
        parts.run(7)
        assert [what for _, what in parts.heard] == [f"1 off: {error}"]
        assert parts.relay_board.seen_without_times()[-1] == "aborted"


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


def test_a_relay_that_is_stuck_is_told_by_its_read_back_and_costs_no_connection():
    parts = rig()
    parts.relay_board.stuck.add(Relay(1, 1))
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(0.75)
    assert parts.queue.status().last_error == "relay 1 of bank 1 did not switch on"
    parts.run(2)
    assert parts.heard == [(100.5, "1 off: NotSwitched"), (100.875, "2 off")]


def test_reads_that_disagree_cost_no_connection():
    parts = rig()
    parts.relay_board.oddities["read relay 1 of bank 1"] = [[b"\0"]]
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(2)
    assert parts.heard == [(100.5, "1 off: ReadsDisagree"), (100.875, "2 off")]


def test_silence_holds_the_queue_for_five_seconds():
    parts = rig()
    parts.relay_board.oddities["switch on relay 1 of bank 1"] = [SILENCE]
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(8)
    assert parts.heard == [(105.125, "1 off: NoAnswer"), (106.625, "2 off")]


def test_a_relay_board_that_only_fails_for_half_a_minute_fails_all_that_wait():
    parts = rig()
    for number in range(1, 9):
        parts.relay_board.oddities[f"switch on relay {number} of bank 1"] = [SILENCE]
        parts.switch(number, on=False)
    parts.run(60)
    failures = [105.125, 111.25, 117.375, 123.5, 129.625, 135.75, 135.75, 135.75]
    assert [at for at, _ in parts.heard] == failures
    assert all(what.endswith("off: NoAnswer") for _, what in parts.heard)


def test_a_relay_board_that_does_something_right_is_waited_for():
    parts = rig()
    for number in range(1, 9):
        if number != 5:
            silent = f"switch on relay {number} of bank 1"
            parts.relay_board.oddities[silent] = [SILENCE]
        parts.switch(number, on=False)
    parts.run(60)
    moments = [at for at, _ in parts.heard]
    assert len(set(moments)) == 8
    assert max(moments) > 140


def test_a_relay_board_that_refuses_fails_all_that_wait():
    parts = rig()
    parts.relay_board.reachable = False
    parts.switch(1, on=False)
    parts.switch(2, on=True)
    parts.switch(3, on=False)
    parts.run(2)
    assert parts.heard == [
        (100, "1 off: Unreachable"),
        (101, "2 on: Unreachable"),
        (101, "3 off: Unreachable"),
    ]
    assert parts.relay_board.seen == [(100, "refused"), (101, "refused")]


def test_a_relay_board_that_does_not_accept_fails_all_that_wait():
    parts = rig()
    parts.relay_board.reachable = None
    for number in range(1, 9):
        parts.switch(number, on=False)
    parts.hear("turn", parts.queue.turn())
    parts.run(6)
    assert parts.heard == [
        *((105, f"{number} off: Unreachable") for number in range(1, 9)),
        (105, "turn"),
    ]
    assert parts.relay_board.seen_without_times() == ["waiting", "gave up"]


def test_a_connection_that_says_nothing_fails_all_that_wait():
    parts = rig()
    parts.relay_board.oddities[LINK] = [SILENCE]
    parts.switch(1, on=False)
    parts.switch(2, on=False)
    parts.run(6)
    assert parts.heard == [(105, "1 off: Unreachable"), (105, "2 off: Unreachable")]
    assert parts.relay_board.seen_without_times() == ["connected", LINK, "aborted"]


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
    assert (status.waiting, status.last_success) == (0, 101.875)
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
