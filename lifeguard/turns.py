"""Turns of the reactor: much that is due at once shall hold up nothing else.

Ten thousand boards may time out in one instant, or two thousand read one file; whoever
else waits for the reactor gets turns among them all the same.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

TURN_SECONDS = 0.005
"""As much of a turn is used; whose work does not fit waits for the next."""


class Turns:
    """Does the work of all who wait, first come, first served."""

    def __init__(self, clock: IReactorTime, seconds: float = TURN_SECONDS) -> None:
        self._clock, self._seconds = clock, seconds
        self._waiting: deque[Callable[[], object]] = deque()
        self._has_begun = False

    def wait(self, work: Callable[[], object]) -> None:
        """Call `work` once, in a turn to come."""
        self._waiting.append(work)
        if not self._has_begun:
            self._has_begun = True
            self._clock.callLater(0, self._turn)

    def _turn(self) -> None:
        try:
            self._work()
        finally:
            self._has_begun = bool(self._waiting)
            if self._has_begun:
                self._clock.callLater(0, self._turn)

    def _work(self) -> None:
        end = self._clock.seconds() + self._seconds
        while self._waiting:
            self._waiting.popleft()()
            if self._clock.seconds() >= end:
                return
