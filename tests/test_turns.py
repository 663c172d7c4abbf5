"""Work in turns: in order, and never more at once than others can wait for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from twisted.internet.task import Clock

from lifeguard.turns import TURN_SECONDS, Turns


class Reactor(Clock):
    """A clock whose turns are told apart, and which work can take time from."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[Callable[[], None]] = []

    def callLater(self, delay: float, work: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        self.due.append(partial(work, *args))

    def turn(self) -> None:
        """What was due before it began."""
        self.due.pop()()


def rig() -> tuple[Turns, Reactor, list[Any], Callable[[Any, float], None]]:
    """The turns, their clock, what was done, and a way to give work that takes time."""
    reactor, done = Reactor(), []
    turns = Turns(reactor)

    def work(name: Any, seconds: float) -> None:
        reactor.rightNow += seconds
        done.append(name)

    def give(name: Any, seconds: float = 0) -> None:
        turns.wait(partial(work, name, seconds))

    return turns, reactor, done, give


def test_nothing_is_done_at_once() -> None:
    _, _, done, give = rig()
    give("a", 0)
    assert done == []


def test_all_that_fits_is_done_in_one_turn_and_in_order() -> None:
    _, reactor, done, give = rig()
    for number in range(5):
        give(number, TURN_SECONDS / 10)
    reactor.turn()
    assert done == [0, 1, 2, 3, 4]
    assert reactor.due == []


def test_what_does_not_fit_waits_for_the_next_turn() -> None:
    _, reactor, done, give = rig()
    for number in range(5):
        give(number, TURN_SECONDS * 0.6)
    seen = []
    while reactor.due:
        reactor.turn()
        seen.append(len(done))
    assert (done, seen) == ([0, 1, 2, 3, 4], [2, 4, 5])


def test_work_that_takes_too_long_is_done_alone() -> None:
    _, reactor, done, give = rig()
    give("long", TURN_SECONDS * 9)
    give("short", 0)
    reactor.turn()
    assert done == ["long"]
    reactor.turn()
    assert done == ["long", "short"]


def test_whoever_comes_again_waits_behind_the_others() -> None:
    turns, reactor, done, give = rig()

    def again() -> None:
        done.append("again")
        give("last", 0)

    turns.wait(again)
    give("first", 0)
    reactor.turn()
    assert done == ["again", "first", "last"]


def test_a_fault_stops_nobody_else() -> None:
    turns, reactor, done, give = rig()
    turns.wait(partial(int, "no number"))
    give("next", 0)
    with pytest.raises(ValueError, match="no number"):
        reactor.turn()
    reactor.turn()
    give("later", 0)
    reactor.turn()
    assert done == ["next", "later"]
