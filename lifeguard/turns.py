"""Turns of the reactor: much that is due at once shall hold up nothing else.

Ten thousand timeouts may come in one instant; HTTP, relays and polls get their turns
among them all the same.
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

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Callable[[], object]] = deque()

    def wait(self, work: Callable[[], object]) -> None:
        """Call `work`, which raises nothing, in a turn to come."""
        if not self._waiting:
            self._clock.callLater(0, self._turn)
        self._waiting.append(work)

    def _turn(self) -> None:
        end = self._clock.seconds() + TURN_SECONDS
        while self._waiting:
            # Still the first while it is done: whoever waits meanwhile needs no turn.
            self._waiting[0]()
            self._waiting.popleft()
            if self._clock.seconds() >= end and self._waiting:
                self._clock.callLater(0, self._turn)
                return
