"""The boards that are to be off, until something else is wanted of them.

They owe nothing. One of which something else is wanted is off still, until a cycle has
taken over its outlets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.power.holding import Waiting
from lifeguard.power.off import Off

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import Owed
    from lifeguard.power.cycle import Order
    from lifeguard.power.seams import PowerReports, Switches


class OffBoards:
    """At most one order for each board, all of their relay boards in `queues`."""

    def __init__(
        self,
        queues: Mapping[str, Switches],
        clock: IReactorTime,
        reports: PowerReports,
    ) -> None:
        self._queues, self._clock, self._reports = queues, clock, reports
        self._off: dict[str, Off] = {}
        self._were_off: set[str] = set()
        """The boards that were to be off, and that a cycle is to bring back."""

    def add(self, order: Order, is_kept: bool, urgent: bool) -> Off:
        """Have a board off; to be begun when its outlets are in nobody else's hands."""
        off = Off(order, self._queues, self._clock, self._reports, is_kept, urgent)
        self._off[order.board] = off
        return off

    def of(self, board: str) -> Off | None:
        """What is done to have a board off; None: it is not to be."""
        return self._off.get(board)

    def end(self, board: str) -> None:
        """Something else is wanted of it, if it is to be off."""
        if (off := self._off.pop(board, None)) is not None:
            off.forget()
            self._were_off.add(board)

    def end_all(self) -> None:
        """Go no further with any: the store keeps what they are to be."""
        for off in self._off.values():
            off.forget()
        self._off.clear()

    def taken_over(self, board: str) -> None:
        """A cycle has begun to switch its outlets, and brings it back."""
        self._were_off.discard(board)

    def may_be_off(self, board: str) -> bool:
        """Whether it was to be off, and no cycle has begun to bring it back."""
        return board in self._were_off

    def includes(self, owed: Owed) -> bool:
        """Whether an outlet is that of a board that is to be off."""
        off = self._off.get(owed.board)
        return off is not None and owed.outlet in off.order.outlets

    def waiting(self) -> Iterator[Waiting]:
        """The orders whose end has still to be told."""
        for off in self._off.values():
            if off.waits:
                yield Waiting(off.order, off.begun)

    def relay_board_works(self, name: str) -> None:
        """It may have lost its power, and forgotten what was off."""
        for off in tuple(self._off.values()):
            if off.order.needs(name):
                off.again()

    def cycled(self, order: Order) -> None:
        """An outlet that was cycled may by now be that of another board."""
        for board, off in tuple(self._off.items()):
            shared = set(off.order.outlets).intersection(order.outlets)
            if shared and board != order.board:
                off.again()
