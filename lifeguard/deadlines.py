"""Who waits until when: ten thousand timers, of which the reactor sees one.

A timer costs no more than its place in a heap. Those that are due together are called
in slices of a turn: whoever else waits for the reactor gets turns among them all the
same.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lifeguard.turns import TURN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    Entry = tuple[float, int, Callable[[], object]]

log = Logger()

RESOLUTION = 1e-6
"""Seconds that a call waits at least. Added to a great number, a delay of rounding
errors is none, and who then finds itself too early would come again without end."""

SLACK = 100
"""The heap holds at most so many entries more than twice those that are waited for."""


class Deadlines:
    """Calls each function that waits, once, when its time has come.

    They are called in the order of their times, those of one time as they were put.
    One that raises is logged, and stops no other.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._numbers = count()
        self._waiting: dict[Callable[[], object], int] = {}
        self._heap: list[Entry] = []
        """Entries that wait under another number, or not at all, are void."""
        self._wake: IDelayedCall | None = None
        self._wakes_at = inf

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, function: Callable[[], object], seconds: float) -> None:
        """Call `function` in so many seconds, and not when it was to be called before.

        A method is the same function each time that it is taken from its object.
        """
        when = self._clock.seconds() + max(seconds, RESOLUTION)
        number = self._waiting[function] = next(self._numbers)
        heappush(self._heap, (when, number, function))
        if len(self._heap) > 2 * len(self._waiting) + SLACK:
            self._heap = list(filter(self._is_valid, self._heap))
            heapify(self._heap)
        self._wake_at(when)

    def remove(self, function: Callable[[], object]) -> None:
        """Do not call `function`; one that does not wait is no error."""
        if self._waiting.pop(function, None) is not None and not self._waiting:
            self._heap.clear()
            self._sleep()

    def _is_valid(self, entry: Entry) -> bool:
        _, number, function = entry
        return self._waiting.get(function) == number

    def _wake_at(self, when: float) -> None:
        if when >= self._wakes_at:
            return
        self._sleep()
        self._wakes_at = when
        delay = max(0.0, when - self._clock.seconds())
        self._wake = self._clock.callLater(delay, self._turn)

    def _sleep(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake, self._wakes_at = None, inf

    def _turn(self) -> None:
        # A float may fall short by its last bit of what was slept.
        now = max(self._clock.seconds(), self._wakes_at)
        self._wake, self._wakes_at = None, -inf  # so that no `put` wakes us meanwhile
        try:
            self._call_due(now)
        finally:
            self._wakes_at = inf
            if self._heap:
                self._wake_at(self._heap[0][0])

    def _call_due(self, now: float) -> None:
        end = now + TURN_SECONDS
        while self._heap and self._heap[0][0] <= now < end:
            entry = heappop(self._heap)
            if self._is_valid(entry):
                self._call(entry[2])
            now = max(now, self._clock.seconds())

    def _call(self, function: Callable[[], object]) -> None:
        del self._waiting[function]
        try:
            function()
        except Exception:
            log.failure("a call at its deadline failed")
