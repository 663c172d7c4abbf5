"""Orders whose relay boards are ill: their boards are told that they are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lifeguard.power.cycle import Order
    from lifeguard.power.seams import PowerReports, Switches


class Waiting(NamedTuple):
    """An order that has not come to its end."""

    order: Order
    begun: bool


class Holding:
    """Looks after the relay boards of orders, all of which are in `queues`."""

    def __init__(self, queues: Mapping[str, Switches], reports: PowerReports) -> None:
        self._queues, self._reports = queues, reports

    def hold(self, order: Order) -> bool:
        """Say that an order is held, if a relay board that it needs is ill."""
        for name in sorted(order.relay_boards):
            since, patience = self._queues[name].since, self._queues[name].patience
            if since.state != "Working":
                why = f"{name} is {since.state.lower()}: {since.why}"
                told = self._reports.about(order.board)
                told.cycle_held(order.generation, why, patience)
                return True
        return False

    def review(self, relay_board: str, orders: Iterable[Waiting]) -> None:
        """A relay board is in another state: say so to those that need it."""
        for order, begun in orders:
            if order.needs(relay_board) and not self.hold(order) and begun:
                self._reports.about(order.board).cycle_goes_on(order.generation)
