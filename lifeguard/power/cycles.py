"""The power cycles that are under way, at most one a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.power.holding import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.model import Outlet
    from lifeguard.power.cycle import Cycle


class Cycles:
    """Those that have begun, and those that wait for their turn."""

    def __init__(self) -> None:
        self._cycles: dict[str, Cycle] = {}

    def __iter__(self) -> Iterator[Cycle]:
        return iter(self._cycles.values())

    def of(self, board: str) -> Cycle | None:
        """That of a board."""
        return self._cycles.get(board)

    def on(self, relay_board: str) -> list[Cycle]:
        """Those that need a relay board."""
        return [cycle for cycle in self if cycle.order.needs(relay_board)]

    def is_in_hand(self, outlet: Outlet) -> bool:
        """Whether an outlet is in the hands of one that has begun."""
        return any(cycle.begun and outlet in cycle.order.outlets for cycle in self)

    def waiting(self) -> Iterator[Waiting]:
        """All orders, also those that come after a cycle that has begun."""
        for cycle in self:
            yield Waiting(cycle.order, cycle.begun)
            if cycle.newer is not None:
                yield Waiting(cycle.newer, begun=False)

    def add(self, cycle: Cycle) -> None:
        """It is under way now, and its board has no other."""
        self._cycles[cycle.order.board] = cycle

    def ended(self, cycle: Cycle) -> None:
        """It is under way no more; another of its board may be."""
        if self.of(cycle.order.board) is cycle:
            del self._cycles[cycle.order.board]

    def supersede(self, board: str) -> Cycle | None:
        """Forget that of a board; returns it if it has begun, as that is too late."""
        cycle = self.of(board)
        if cycle is None or cycle.begun:
            return cycle
        self._forget(cycle)
        return None

    def finish(self) -> list[Cycle]:
        """Begin none any more, only finish what has begun; returns the others."""
        for cycle in self:
            cycle.newer = None
        not_begun = [cycle for cycle in self if not cycle.begun]
        for cycle in not_begun:
            self._forget(cycle)
        return not_begun

    def _forget(self, cycle: Cycle) -> None:
        cycle.forget()
        del self._cycles[cycle.order.board]
