"""How long an ill relay board may hold up lifeguard's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.power.seams import Switches


class StopLimit:
    """Calls `give_up` when the relay board of `queue` is ill for `seconds` on end.

    Not while `is_for_later` says that something is still to be asked of it; these
    seconds then begin again with that.
    """

    def __init__(
        self,
        queue: Switches,
        clock: IReactorTime,
        seconds: float,
        is_for_later: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self._queue, self._clock, self._seconds = queue, clock, seconds
        self._is_for_later, self._give_up = is_for_later, give_up
        self._timer: IDelayedCall | None = None
        queue.hear(self._look)
        self.begin_again()

    def begin_again(self) -> None:
        """Something is asked of the relay board now; an ill one is tried at once."""
        self.lift()
        self._look()
        if self._timer is not None:
            self._queue.test().addErrback(lambda _: None)  # its queue tells of that

    def lift(self) -> None:
        """It holds up nobody any more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _look(self) -> None:
        if self._queue.since.state == "Working":
            self.lift()
        elif self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._overdue)

    def _overdue(self) -> None:
        if not self._is_for_later():
            self._give_up()
