"""What power reports of a board, in the words of the board's lifecycle.

Power comes to an end also with a board that has left the inventory meanwhile: of that
nobody hears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import Deferred, fail

from lifeguard.event import Answer, Event, Refused, Stale
from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_HELD,
    CYCLE_OK,
    CYCLE_STARTED,
    CYCLE_VOID,
    POWER_OFF_OK,
)
from lifeguard.store import StoreUnavailable

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from lifeguard.model import Outlet

FOUND_ON = "power-found-on"


class Hearer(Protocol):
    """A board, as far as it hears what power does."""

    def deliver(self, event: Event) -> Deferred[Answer]: ...
    def tell(self, event: Event) -> None: ...
    def note(self, event: Event) -> None: ...
    def order_again(self) -> None: ...


class Reports:
    """What is reported of one board, which is told each as an event."""

    __slots__ = ("_board",)

    def __init__(self, board: Hearer) -> None:
        self._board = board

    def cycle_started(self, generation: int) -> Deferred[bool]:
        """The turn of a power cycle has come: True once that is committed.

        Without a store it may not begin; it is ordered anew when the store is back.
        """
        event = Event(name=CYCLE_STARTED, source="power", generation=generation)
        started: Deferred[bool] = self._board.deliver(event).addCallback(lambda _: True)
        return started.addErrback(self._cannot_start)

    def _cannot_start(self, failure: Failure) -> bool:
        failure.trap(Refused, StoreUnavailable)
        if failure.check(StoreUnavailable):
            self._board.order_again()
        return False

    def cycle_ended(self, generation: int, failure: str | None) -> None:
        """A power cycle is over."""
        name = CYCLE_OK if failure is None else CYCLE_FAILED
        self._tell(name, generation, failure or "")

    def switched_off(self, generation: int) -> None:
        """The board is without power, as was ordered."""
        self._tell(POWER_OFF_OK, generation)

    def cycle_held(self, generation: int, why: str, patience: float) -> None:
        """A power cycle's relay board is ill: it waits, at most for `patience`."""
        self._tell(CYCLE_HELD, generation, why, patience=patience)

    def cycle_goes_on(self, generation: int) -> None:
        """A power cycle that had begun, and was held, is so no more."""
        self._tell(CYCLE_STARTED, generation)

    def cycle_void(self, generation: int, why: str, patience: float) -> None:
        """A power cycle was cut short by its relay board: another is due."""
        self._tell(CYCLE_VOID, generation, why, patience=patience)

    def found_on(self, outlet: Outlet) -> None:
        """It is to be off, and had power: written down, as it is switched off again."""
        reason = f"{outlet} was on, and is switched off again"
        self._board.note(Event(name=FOUND_ON, source="power", reason=reason))

    def _tell(
        self, name: str, generation: int, reason: str = "", **body: float
    ) -> None:
        self._board.tell(
            Event(
                name=name,
                source="power",
                generation=generation,
                reason=reason,
                body=body,
            )
        )


class _Left:
    """A board that is in the inventory no more: what it is told moves nothing."""

    def deliver(self, event: Event) -> Deferred[Answer]:
        return fail(Stale(f"{event.name} belongs to a board that has left"))

    def tell(self, event: Event) -> None: ...
    def note(self, event: Event) -> None: ...
    def order_again(self) -> None: ...


LEFT: Final = _Left()
"""Whose reports nobody hears."""
