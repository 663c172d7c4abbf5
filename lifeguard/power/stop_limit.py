"""How long an ill relay board may hold up lifeguard's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.power.seams import Switches


class StopLimit:
    """Calls `give_up` when the relay board of `queue` is ill for `seconds` on end."""

    def __init__(
        self,
        queue: Switches,
        clock: IReactorTime,
        seconds: float,
        give_up: Callable[[], None],
    ) -> None:
        self._queue, self._clock = queue, clock
        self._seconds, self._give_up = seconds, give_up
        self._timer: IDelayedCall | None = None
        queue.hear(self._look)
        self._look()

    def lift(self) -> None:
        """It holds up nobody any more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _look(self) -> None:
        if self._queue.since.state == "Working":
            self.lift()
        elif self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._give_up)
