"""Deadlines: each who waits is called once, in time, and holds up nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from lifeguard.deadlines import RESOLUTION, SLACK, Deadlines
from lifeguard.turns import TURN_SECONDS


class Waiter:
    """Says when it is called; what it then does may be given to it."""

    def __init__(self, name: Any, clock: Clock, said: list[Any]) -> None:
        self._name, self._clock, self._said = name, clock, said
        self.does: Callable[[], object] = lambda: None

    def called(self) -> None:
        self._said.append((self._clock.seconds(), self._name))
        self.does()


def rig(waiters: int = 3) -> tuple[Deadlines, Clock, list[Any], list[Waiter]]:
    """Some waiters, known by their numbers, and what they have said."""
    clock, said = Clock(), []
    those = [Waiter(number, clock, said) for number in range(waiters)]
    return Deadlines(clock), clock, said, those


def test_each_is_called_at_its_time_and_once() -> None:
    deadlines, clock, said, (a, b, c) = rig()
    deadlines.put(a.called, 3)
    deadlines.put(b.called, 1)
    deadlines.put(c.called, 2)
    clock.pump([1] * 5)
    assert said == [(1, 1), (2, 2), (3, 0)]
    assert clock.getDelayedCalls() == []


def test_those_of_one_moment_are_called_as_they_were_put() -> None:
    deadlines, clock, said, waiters = rig(20)
    for waiter in waiters:
        deadlines.put(waiter.called, 7)
    clock.advance(7)
    assert said == [(7, number) for number in range(20)]


def test_nothing_is_called_at_once() -> None:
    deadlines, clock, said, (a, b, _) = rig()
    deadlines.put(a.called, 0)
    deadlines.put(b.called, -1)
    assert said == []
    clock.advance(RESOLUTION)
    assert said == [(RESOLUTION, 0), (RESOLUTION, 1)]


def test_who_comes_again_at_once_lets_time_pass() -> None:
    deadlines, clock, said, (a, *_) = rig()
    clock.advance(1e6)
    a.does = lambda: deadlines.put(a.called, 1e-12)
    deadlines.put(a.called, 1)
    clock.advance(1)
    assert said == [(1e6 + 1, 0)]


def test_whoever_is_put_again_waits_for_the_later_time_alone() -> None:
    deadlines, clock, said, (a, *_) = rig()
    for seconds in (5, 2, 8):
        deadlines.put(a.called, seconds)
    clock.pump([1] * 10)
    assert said == [(8, 0)]


def test_whoever_was_removed_is_not_called() -> None:
    deadlines, clock, said, (a, b, _) = rig()
    deadlines.put(a.called, 1)
    deadlines.put(b.called, 1)
    deadlines.remove(a.called)
    deadlines.remove(a.called)
    clock.advance(1)
    assert said == [(1, 1)]


def test_whoever_is_removed_while_it_is_due_is_not_called() -> None:
    deadlines, clock, said, (a, b, c) = rig()
    for waiter in (a, b, c):
        deadlines.put(waiter.called, 1)
    a.does = lambda: deadlines.remove(b.called)
    clock.advance(1)
    assert said == [(1, 0), (1, 2)]


def test_the_reactor_is_left_alone_when_nobody_waits() -> None:
    deadlines, clock, _, waiters = rig()
    for waiter in waiters:
        deadlines.put(waiter.called, 1)
    assert len(clock.getDelayedCalls()) == 1
    for waiter in waiters:
        deadlines.remove(waiter.called)
    assert (len(deadlines), clock.getDelayedCalls()) == (0, [])


def test_the_last_that_waits_may_be_removed_in_a_call() -> None:
    deadlines, clock, said, (a, b, _) = rig()
    deadlines.put(a.called, 1)
    deadlines.put(b.called, 9)
    a.does = lambda: deadlines.remove(b.called)
    clock.advance(1)
    assert clock.getDelayedCalls() == []
    deadlines.put(b.called, 1)
    clock.advance(1)
    assert said == [(1, 0), (2, 1)]


def test_a_call_may_put_itself_again() -> None:
    deadlines, clock, said, (a, *_) = rig()
    a.does = lambda: deadlines.put(a.called, 2)
    deadlines.put(a.called, 2)
    clock.pump([1] * 6)
    assert said == [(2, 0), (4, 0), (6, 0)]


def test_a_call_that_fails_is_logged_and_stops_no_other(
    logged_failures: list[LogEvent],
) -> None:
    deadlines, clock, said, (a, b, c) = rig()
    a.does = lambda: 1 / 0
    for waiter in (a, b):
        deadlines.put(waiter.called, 1)
    deadlines.put(c.called, 2)
    clock.pump([1, 1])
    assert said == [(1, 0), (1, 1), (2, 2)]
    assert [event["log_failure"].type for event in logged_failures] == [
        ZeroDivisionError
    ]
    logged_failures.clear()


def test_many_that_are_due_together_leave_turns_to_others() -> None:
    deadlines, clock, said, waiters = rig(10)
    others = []

    def takes_time() -> None:
        clock.rightNow += TURN_SECONDS * 0.4

    def other() -> None:
        others.append(len(said))
        if len(said) < len(waiters):
            clock.callLater(0, other)

    for waiter in waiters:
        waiter.does = takes_time
        deadlines.put(waiter.called, 1)
    clock.callLater(1, other)
    clock.advance(1)
    assert [number for _, number in said] == list(range(10))
    assert others == [3, 6, 9, 10]


def test_a_moment_that_rounding_puts_off_still_comes() -> None:
    deadlines, clock, said, (a, *_) = rig()
    clock.advance(0.7)
    deadlines.put(a.called, 0.1)
    clock.advance(0.1)  # the sums differ in their last bit
    clock.advance(0.2)
    assert [number for _, number in said] == [0]


def test_what_is_put_again_and_again_takes_no_more_room() -> None:
    deadlines, clock, said, (a, b, _) = rig()
    deadlines.put(b.called, 5)
    for _ in range(50 * SLACK):
        deadlines.put(a.called, 10)
    assert len(deadlines._heap) <= 2 * len(deadlines) + SLACK
    clock.advance(10)
    assert said == [(10, 1), (10, 0)]


class Naive:
    """What Deadlines promises, said as plainly as can be; `said` as the waiters do."""

    def __init__(self, doings: list[Doing]) -> None:
        self.now, self.puts = 0, 0
        self.waiting: dict[int, tuple[int, int]] = {}
        self.said: list[tuple[int, int]] = []
        self._doings = list(doings)

    def do(self, doing: Doing) -> None:
        number, seconds = doing
        self.puts += 1
        if seconds is None:
            self.waiting.pop(number, None)
        else:
            self.waiting[number] = self.now + seconds, self.puts

    def advance(self) -> None:
        self.now += 1
        while self.waiting:
            (time, _), number = min((at, who) for who, at in self.waiting.items())
            if time > self.now:
                return
            del self.waiting[number]
            self.said.append((self.now, number))
            if self._doings:
                self.do(self._doings.pop())


Doing = tuple[int, int | None]
"""A waiter, and in how many seconds it is to be called; None: it is removed."""

WAITERS = 6

# Whoever is called puts nobody at once: that could go on for ever.
DOINGS = st.tuples(st.integers(0, WAITERS - 1), st.none() | st.integers(1, 5))
STEPS = st.tuples(st.integers(0, WAITERS - 1), st.none() | st.integers(0, 5))


@given(st.lists(STEPS | st.none()), st.lists(DOINGS))
def test_it_is_as_the_naive_model_says(
    steps: list[Doing | None], doings: list[Doing]
) -> None:
    deadlines, clock, said, waiters = rig(WAITERS)
    model, left = Naive(doings), list(doings)

    def do(doing: Doing) -> None:
        number, seconds = doing
        if seconds is None:
            deadlines.remove(waiters[number].called)
        else:
            deadlines.put(waiters[number].called, seconds)

    for waiter in waiters:
        waiter.does = lambda: do(left.pop()) if left else None
    for step in steps:
        if step is None:
            model.advance()
            clock.advance(1)
        else:
            model.do(step)
            do(step)
        assert (said, len(deadlines)) == (model.said, len(model.waiting))
        assert len(clock.getDelayedCalls()) <= 1
