"""What is due at once is done in order, and in many turns of the reactor."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

from lifeguard.turns import TURN_SECONDS, Turns


class SlowClock(Clock):
    """Each work that is done takes time; turns are counted by `callLater`."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.rightNow += seconds
            self.done.append(name)

        return work


def test_works_that_fit_share_a_turn() -> None:
    clock = SlowClock()
    turns = Turns(clock)
    for name in "abc":
        turns.wait(clock.work(name, TURN_SECONDS / 10))
    [turn] = clock.getDelayedCalls()
    turn.func()
    assert clock.done == ["a", "b", "c"]


def test_what_does_not_fit_waits_for_the_next_turn() -> None:
    clock = SlowClock()
    turns = Turns(clock)
    for name in "abc":
        turns.wait(clock.work(name, TURN_SECONDS / 2))
    clock.getDelayedCalls()[0].func()
    assert clock.done == ["a", "b"]
    clock.advance(0)
    assert clock.done == ["a", "b", "c"]


def test_what_is_asked_for_meanwhile_is_done_too_and_needs_no_other_turn() -> None:
    clock = SlowClock()
    turns = Turns(clock)
    turns.wait(lambda: turns.wait(clock.work("later", 0.0)))
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    assert clock.done == ["later"]
    assert clock.getDelayedCalls() == []


def test_nothing_waits_when_all_is_done() -> None:
    clock = SlowClock()
    turns = Turns(clock)
    for name in "ab":
        turns.wait(clock.work(name, 0.0))
        clock.advance(0)
    assert clock.done == ["a", "b"]
