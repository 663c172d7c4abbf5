"""The queue of one relay board: who only wants to look."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from lifeguard.model import Outlet
from lifeguard.wire.proxr import Relay
from tests.relay_rig import LINK, on, rig


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


def test_a_look_finds_out_that_a_relay_board_is_ill_which_is_tested_after_a_pause():
    parts = rig()
    parts.relay_board.reachable = False
    parts.hear("first", look(parts, 1))
    parts.hear("second", look(parts, 2))
    parts.run(2)
    assert parts.heard == [(100, "first: Unreachable")]
    assert parts.relay_board.seen == [(100, "refused"), (101, "refused")]
    parts.relay_board.reachable = True
    parts.run(5)
    assert parts.states() == ["Suspect", "Working"]
    assert parts.heard[1:] == [(2, True), (103.5, "second")]


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
