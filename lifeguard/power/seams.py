"""What power needs of a relay board's queue, and whom it reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from lifeguard.power.condition import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.defer import Deferred

    from lifeguard.model import Outlet, Owed
    from lifeguard.power.condition import Since


class RelayBoardStatus(Struct, frozen=True, kw_only=True):
    """How a relay board is doing; moments are in seconds of the clock."""

    name: str
    state: State
    since: float
    why: str
    """What led to the state, if it is ill."""
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

    @property
    def patience(self) -> float:
        """How long boards wait for it while it is ill."""

    @property
    def off_check(self) -> float:
        """Seconds between two looks at an outlet that is to be off; 0: never."""

    @property
    def since(self) -> Since:
        """How the relay board is doing."""

    def hear(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever the state of the relay board is another."""

    def turn(self, board: Iterable[Outlet], urgent: bool = False) -> Deferred[None]:
        """Fires when the relay board works, nothing waits to be switched, and not too
        many cycles are in hand; or when it is ill and a board with these outlets is
        to prove that it works. The turn counts as a cycle in hand until it is given
        back. Cancelling leaves the line; what is urgent is put at its head."""

    def give_back(self) -> None:
        """A cycle has ended, or does not use its turn."""

    def switch(self, outlet: Outlet, on: bool, urgent: bool = False) -> Deferred[None]:
        """Fires when the outlet has been switched, and read back so.

        It always ends, but only when the relay board has come to it: how long that
        takes, while it serves others, says nothing about this outlet. Fails with Ill
        when the relay board is broken, with Superseded when the opposite was asked for
        since. Cancelling takes the request back, unless it is under way already.
        """

    def read(self, outlet: Outlet) -> Deferred[bool | None]:
        """Fires with whether an outlet has power, when nobody waits for anything else;
        None where that cannot be told. Cancelling takes it back."""

    def test(self) -> Deferred[None]:
        """Fires when the relay board has passed a link test."""

    def status(self) -> RelayBoardStatus: ...

    def close(self) -> Deferred[None]:
        """Fail what waits, switch nothing any more; fires when disconnected."""


class BoardReports(Protocol):
    """What power tells of a board; it may be told before `Power.cycle` has returned."""

    def cycle_started(self, generation: int) -> Deferred[bool]:
        """The cycle's turn has come. True: that is committed, go on. False: nobody
        wants it any more. A failure: there is no store, do not begin."""

    def cycle_ended(self, generation: int, failure: str | None) -> None:
        """The cycle is over; without a failure, every outlet was read back as on."""

    def switched_off(self, generation: int) -> None:
        """Every outlet of a board that was to be switched off was read back so. What
        else becomes of that is told in the words of power cycles."""

    def cycle_held(self, generation: int, why: str, patience: float) -> None:
        """A relay board that the cycle needs is ill: no time counts until it goes on,
        but for `patience`, in seconds since the board's state was entered."""

    def cycle_goes_on(self, generation: int) -> None:
        """The cycle had begun, was held, and is so no more."""

    def cycle_void(self, generation: int, why: str, patience: float) -> None:
        """A broken relay board cut the cycle short: it is over, and another is due."""

    def found_on(self, outlet: Outlet) -> None:
        """An outlet of a board that is to be off had power; it is switched off again.
        Lifeguard has not given it: perhaps its relay board has lost its own."""


class PowerReports(Protocol):
    """Whom power tells what becomes of boards, relay boards and outlets."""

    def about(self, board: str) -> BoardReports:
        """Who is told of that board, for now: it may leave the inventory."""

    def relay_board_changed(self, relay_board: str, since: Since) -> None:
        """A relay board is in another state."""

    def outlet_is_on(self, owed: Owed) -> Deferred[None]:
        """An owed outlet was read back as on, so the mark may go."""
