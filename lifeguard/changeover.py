"""One inventory in place of another, in every part of the daemon that goes by one.

All of it is one turn of the reactor: nobody sees half of an inventory. Nothing is
saved, for all that must outlast a kill is in the store already: the outlets of a board
that is removed, or moved to others, are marked as owed since they were switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from lifeguard.inventory.reload import NotApplied
from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twisted.internet.defer import Deferred

    from lifeguard.blame.inquiry import Inquiry
    from lifeguard.fleet import Fleet
    from lifeguard.inventory.difference import Difference, Table
    from lifeguard.model import CauseKind, Inventory, Standing
    from lifeguard.power import Power
    from lifeguard.power.driver import Device
    from lifeguard.power.relay_boards import RelayBoards

log = Logger()

_CAUSES: dict[Table, CauseKind] = {
    "relay_boards": "relay-board",
    "hardware": "hardware",
    "images": "image",
}
"""What leaves the inventory, and can be blamed."""


class Follower(Protocol):
    """A part that goes by the inventory, and has nothing under way by it."""

    def take_inventory(self, inventory: Inventory) -> None: ...


class Changeover:
    """Has all parts go by another inventory; `followers` when the boards do."""

    def __init__(
        self,
        fleet: Fleet,
        power: Power,
        relay_boards: RelayBoards,
        inquiry: Inquiry,
        followers: Iterable[Follower],
    ) -> None:
        self._fleet, self._power = fleet, power
        self._relay_boards, self._inquiry = relay_boards, inquiry
        self._followers = list(followers)

    def make(
        self,
        inventory: Inventory,
        difference: Difference,
        known: Mapping[str, Standing],
    ) -> Deferred[None]:
        """Fires when all boards that `inventory` lacks have been let go.

        Records that are not different are those of the old one. `known` are the rows
        of boards that are new and have stood in an inventory before. Raises NotApplied:
        nothing is changed.
        """
        devices = self._devices(inventory, difference)
        for name, device in devices.items():
            queue = self._relay_boards.take(inventory.relay_boards[name], device)
            self._power.add_relay_board(name, queue)
        leaving = self._fleet.take_inventory(
            inventory, difference, known, self._inquiry.board_left
        )
        self._inquiry.take_boards(difference.of("boards", "added", "changed"))
        self._tell_of_broken(difference.of("relay_boards", "added"))
        for follower in self._followers:
            follower.take_inventory(inventory)
        for table, kind in _CAUSES.items():
            for name in difference.of(table, "removed"):
                self._inquiry.left(Cause(kind, name))
        return leaving.addCallback(self._remove_relay_boards)

    def _devices(
        self, inventory: Inventory, difference: Difference
    ) -> dict[str, Device]:
        """Those of all relay boards that are new or another, before one is used."""
        devices = {}
        for name in difference.of("relay_boards", "added", "changed"):
            try:
                devices[name] = self._relay_boards.device(inventory.relay_boards[name])
            except Exception as error:
                text = f"relay_boards.{name}: its driver failed: {error!r}"
                raise NotApplied(text) from error
        return devices

    def _tell_of_broken(self, added: Iterable[str]) -> None:
        """One that was just being removed may have broken since."""
        for name in added:
            since = self._relay_boards.queues[name].since
            if since.state == "Broken":
                self._inquiry.relay_board_is(name, since.state, since.why)

    def _remove_relay_boards(self, _: None) -> None:
        """Those that no board is on: until then one may be owed its outlets there.

        Another inventory may have come meanwhile, whose boards have still to leave.
        """
        gone = self._relay_boards.queues.keys() - self._fleet.inventory.relay_boards
        for name in gone:
            if not self._fleet.needs(name):
                self._power.remove_relay_board(name).addCallback(self._removed, name)

    def _removed(self, is_free: bool, name: str) -> None:
        """Unless it was added again meanwhile."""
        if is_free:
            self._relay_boards.close(name)
            log.info("{relay_board}: not in the inventory any more", relay_board=name)
