"""A clock that a program moves, for any number of timers: IReactorTime on a heap.

What is cancelled or put off stays in the heap until its moment comes, and is dropped
then. A `LifeClock` is one daemon's view of it: when the daemon dies, all that it has
asked for never comes.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

RESOLUTION = 1e-6
"""Seconds that a call waits at least, if it waits at all. Added to a great number, a
delay of rounding errors is none; real time would go on meanwhile."""


@implementer(IDelayedCall)
class HeapCall:
    """A call that lies in the heap. It is due where its newest entry lies."""

    __slots__ = ("_clock", "called", "cancelled", "entry", "function", "time")

    def __init__(
        self, clock: HeapClock, time: float, function: Callable[[], object]
    ) -> None:
        self._clock, self.time, self.function = clock, time, function
        self.called = self.cancelled = False
        self.entry = clock.push(self)

    def getTime(self) -> float:
        return self.time

    def active(self) -> bool:
        return not (self.called or self.cancelled)

    def cancel(self) -> None:
        self._check_active()
        self.cancelled = True

    def delay(self, secondsLater: float) -> None:
        self._put(self.time + secondsLater)

    def reset(self, secondsFromNow: float) -> None:
        self._put(self._clock.seconds() + secondsFromNow)

    def _put(self, time: float) -> None:
        self._check_active()
        self.time = time
        self.entry = self._clock.push(self)

    def _check_active(self) -> None:
        if self.cancelled:
            raise AlreadyCancelled
        if self.called:
            raise AlreadyCalled


@implementer(IReactorTime)
class HeapClock:
    """Virtual seconds. Calls of one moment come in the order they were asked for."""

    def __init__(self) -> None:
        self._now = 0.0
        self._entries = 0
        self._heap: list[tuple[float, int, HeapCall]] = []

    def seconds(self) -> float:
        return self._now

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],
        *args: object,
        **kwargs: object,
    ) -> HeapCall:
        assert delay >= 0, f"a call {-delay:g} s ago"
        function = callable
        if args or kwargs:

            def function() -> object:
                return callable(*args, **kwargs)

        if delay and delay < RESOLUTION:
            delay = RESOLUTION
        return HeapCall(self, self._now + delay, function)

    def getDelayedCalls(self) -> list[IDelayedCall]:
        return [call for _, entry, call in self._heap if _is_valid(entry, call)]

    def push(self, call: HeapCall) -> int:
        """Let the call lie where its time says; the number of its entry."""
        self._entries += 1
        heappush(self._heap, (call.time, self._entries, call))
        return self._entries

    def step(self, until: float) -> bool:
        """Make the next call that is due by `until`; False when there is none.

        Then it is `until`. What the call raises is raised here.
        """
        heap = self._heap
        while heap and heap[0][0] <= until:
            time, entry, call = heappop(heap)
            if _is_valid(entry, call):
                self._now = time
                call.called = True
                call.function()
                return True
        self._now = until
        return False

    def run_until(self, time: float) -> None:
        """Make every call that is due by `time`, then be there."""
        while self.step(time):
            pass


def _is_valid(entry: int, call: HeapCall) -> bool:
    return entry == call.entry and not (call.called or call.cancelled)


@implementer(IReactorTime)
class LifeClock:
    """The clock as one daemon has it, until it `die`s."""

    def __init__(self, clock: HeapClock) -> None:
        self._clock = clock
        self.alive = True

    def seconds(self) -> float:
        return self._clock.seconds()

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],
        *args: object,
        **kwargs: object,
    ) -> HeapCall:
        def call() -> None:
            if self.alive:
                callable(*args, **kwargs)

        return self._clock.callLater(delay, call)

    def getDelayedCalls(self) -> list[IDelayedCall]:
        return self._clock.getDelayedCalls() if self.alive else []

    def die(self) -> None:
        """From now on nothing is called: a kill -9."""
        self.alive = False
