"""What power needs of a relay board's queue, and whom it reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from lifeguard.model import Outlet, Owed


class RelayBoardStatus(Struct, frozen=True, kw_only=True):
    """How a relay board is doing; moments are in seconds of the clock."""

    name: str
    connected: bool
    waiting: int
    """Requests and turns that have not been taken up."""
    last_success: float | None
    last_error: str | None
    last_error_at: float | None


class Switches(Protocol):
    """The outlets of one relay board; `off_seconds` is how long a cycle's off is.

    A Deferred that fails, fails with a RelayError.
    """

    @property
    def off_seconds(self) -> float: ...

    def turn(self) -> Deferred[None]:
        """Fires when nothing waits to be switched; holds nothing up."""

    def switch(self, outlet: Outlet, on: bool) -> Deferred[None]:
        """Fires when the outlet has been switched, and twice read back so.

        It always ends, but only when the relay board has come to it: how long that
        takes, while it serves others, says nothing about this outlet. Cancelling takes
        the request back, unless it is under way already.
        """

    def test(self) -> Deferred[None]:
        """Fires when the relay board has passed a link test."""

    def status(self) -> RelayBoardStatus: ...

    def close(self) -> Deferred[None]:
        """Fail what waits, switch nothing any more; fires when disconnected."""


class PowerReports(Protocol):
    """What power tells; it may be told before `Power.cycle` has returned."""

    def cycle_started(self, board: str, generation: int) -> Deferred[bool]:
        """The cycle's turn has come. True: that is committed, go on. False: nobody
        wants it any more. A failure: there is no store, do not begin."""

    def cycle_ended(self, board: str, generation: int, failure: str | None) -> None:
        """The cycle is over; without a failure, every outlet was read back as on."""

    def outlet_is_on(self, owed: Owed) -> Deferred[None]:
        """An owed outlet was read back as on, so the mark may go."""
