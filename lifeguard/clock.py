"""Service seconds: how long lifeguard has been running, over all its starts.

Deadlines are kept in them, so that downtime is not charged to a board and a jump
of the wall clock moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

WallClock = Callable[[], datetime]
"""Wall time, aware and in UTC: for display and history only."""


def utc_now() -> datetime:
    """The wall clock of the machine; only `tap` and `__main__` pass it on."""
    return datetime.now(UTC)


class ServiceTime:
    """Continues the count that the store kept; `clock` must be monotonic.

    It stands still while there is no store: an outage is charged to a board as
    little as downtime is.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._origin: float | None = None
        self._stands_at: float | None = None
        self._stamped: float | None = None

    def start(self, saved: float) -> None:
        """Go on from `saved` service seconds."""
        self._origin = self._clock.seconds() - saved
        self._stands_at = self._stamped = None

    def now(self) -> float:
        """Service seconds by now. An error before `start`: it would rewrite time."""
        if self._stands_at is not None:
            return self._stands_at
        if self._origin is None:
            raise RuntimeError("service time has not been started")
        return self._clock.seconds() - self._origin

    def stamp(self) -> float:
        """Service seconds by now, for who begins to save them."""
        self._stamped = self.now()
        return self._stamped

    def pause(self) -> None:
        """Stand still until `go_on`, back where the last stamp was given.

        What was begun then has not been saved, however long that took to be known.
        """
        self._stands_at = self.now() if self._stamped is None else self._stamped

    def go_on(self) -> None:
        """Count again, from where it has stood still."""
        if self._stands_at is not None:
            self.start(self._stands_at)
