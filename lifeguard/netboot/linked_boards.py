"""Which boards' links are to be shown anew, as boards and the inventory change."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from lifeguard.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import Change, Inventory
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.symlinks import Symlinks


class Lab(Protocol):
    """The boards, as they stand."""

    def by_mac(self, mac: str) -> Situation | None: ...

    def situations(self) -> Iterator[Situation]: ...


class LinkedBoards:
    """Keeps `links` as the boards of `inventory` stand; some at a time, in turns."""

    def __init__(
        self, links: Symlinks, lab: Lab, inventory: Inventory, clock: IReactorTime
    ) -> None:
        self._links, self._lab, self._inventory = links, lab, inventory
        self._turns = Turns(clock)
        links.reconcile(lab.situations())

    def changed(self, change: Change) -> None:
        """A board has moved; one that is being let go has no link any more."""
        board = self._inventory.boards.get(change.after.board)
        if board is not None:
            self._show(board.mac)

    def take_inventory(self, inventory: Inventory) -> None:
        """Show what another inventory means for the boards, once they have it."""
        old, self._inventory = self._inventory, inventory
        macs = {board.mac for board in inventory.boards.values()}
        for board in old.boards.values():
            if board.mac not in macs:
                self._links.forget(board)
        same = (old.hardware, old.images) == (inventory.hardware, inventory.images)
        for name, board in inventory.boards.items():
            if not same or board is not old.boards.get(name):
                self._turns.wait(partial(self._show, board.mac))

    def _show(self, mac: str) -> None:
        situation = self._lab.by_mac(mac)
        if situation is not None:
            self._links.show(situation)
