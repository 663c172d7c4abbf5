"""What power has in hand: cycles, boards that are to be off, and who is held."""

from __future__ import annotations

from twisted.internet.task import Clock

from lifeguard.power.cycle import Cycle, Order
from lifeguard.power.cycles import Cycles
from lifeguard.power.holding import Holding, Waiting
from lifeguard.power.off_boards import OffBoards
from tests.power_rig import A, B, C, FakeQueue, FakeReports


def cycle(board="a", generation=1, begun=False, outlets=(A,)):
    queues = {name: FakeQueue(name, []) for name in ("rack1", "rack2")}
    made = Cycle(
        Order(board, generation, outlets),
        queues,
        Clock(),
        FakeReports([]),
        lambda outlets: None,
        lambda: None,
        lambda owed: None,
    )
    made.begun_at = 0.0 if begun else None
    return made


def cycles(*under_way):
    made = Cycles()
    for each in under_way:
        made.add(each)
    return made


def test_a_cycle_is_superseded_until_it_has_begun():
    waiting, begun = cycle("a"), cycle("b", begun=True)
    both = cycles(waiting, begun)
    assert both.supersede("a") is None
    assert both.supersede("b") is begun
    assert both.supersede("c") is None
    assert list(both) == [begun]


def test_the_end_of_one_that_was_superseded_is_not_that_of_the_one_in_its_place():
    old, new = cycle(generation=1), cycle(generation=2)
    both = cycles(old)
    both.supersede("a")
    both.add(new)
    both.ended(old)
    assert both.of("a") is new
    both.ended(new)
    assert both.of("a") is None


def test_an_outlet_is_in_the_hands_only_of_a_cycle_that_has_begun():
    both = cycles(cycle("a"), cycle("b", begun=True, outlets=(B,)))
    assert [both.is_in_hand(outlet) for outlet in (A, B, C)] == [False, True, False]


def test_only_what_has_begun_is_finished_and_nothing_comes_after_it():
    waiting, begun = cycle("a"), cycle("b", begun=True)
    begun.newer = Order("b", 2, (A,))
    both = cycles(waiting, begun)
    assert both.finish() == [waiting]
    assert (list(both), begun.newer) == ([begun], None)


def test_what_comes_after_a_cycle_waits_for_its_relay_boards_as_well():
    begun = cycle("a", begun=True)
    begun.newer = Order("a", 2, (C,))
    assert list(cycles(begun).waiting()) == [
        Waiting(Order("a", 1, (A,)), True),
        Waiting(Order("a", 2, (C,)), False),
    ]
    assert [each.order.board for each in cycles(begun).on("rack1")] == ["a"]
    assert cycles(begun).on("rack2") == []


def test_a_board_that_was_off_may_be_so_until_a_cycle_has_taken_it_over():
    queues = {"rack1": FakeQueue("rack1", [])}
    off_boards = OffBoards(queues, Clock(), FakeReports([]))
    order = Order("a", 1, (A,))
    off_boards.add(order, is_kept=True, urgent=False)
    assert off_boards.includes(order.owed([A])[0])
    assert not off_boards.includes(order.owed([B])[0])
    off_boards.end("a")
    assert (off_boards.of("a"), off_boards.may_be_off("a")) == (None, True)
    off_boards.taken_over("a")
    assert not off_boards.may_be_off("a")


def held(*waiting):
    """What is told when rack1 has become Broken, and then works."""
    events = []
    queues = {name: FakeQueue(name, events) for name in ("rack1", "rack2")}
    holding = Holding(queues, FakeReports(events))
    for state in ("Broken", "Working"):
        queues["rack1"].become(state, "dead" if state == "Broken" else "")
        holding.review("rack1", waiting)
    return events


def test_only_those_that_need_a_relay_board_hear_how_it_is_doing():
    held_for = "for 86400: rack1 is broken: dead"
    assert held(
        Waiting(Order("a", 1, (A,)), begun=True),
        Waiting(Order("b", 2, (B, C)), begun=False),
        Waiting(Order("c", 3, (C,)), begun=True),
    ) == [f"held a 1 {held_for}", f"held b 2 {held_for}", "goes on a 1"]
