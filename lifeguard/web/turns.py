"""Turns: many have a little work each, and nobody else shall wait for all of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

SECONDS = 0.002
"""Of each turn of the reactor; whose work does not fit waits for the next."""


class Turns:
    """Does the work of all who wait, first come, first served."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._has_begun = False

    def wait(self, work: Callable[[], None], clock: IReactorTime) -> None:
        """Call `work` once, in a turn of the reactor to come."""
        self._waiting.append(work)
        if not self._has_begun:
            self._has_begun = True
            clock.callLater(0, self._turn, clock)

    def _turn(self, clock: IReactorTime) -> None:
        try:
            self._work(clock)
        finally:
            self._has_begun = bool(self._waiting)
            if self._waiting:
                clock.callLater(0, self._turn, clock)

    def _work(self, clock: IReactorTime) -> None:
        end = clock.seconds() + SECONDS
        while self._waiting:
            self._waiting.popleft()()
            if clock.seconds() >= end:
                return
