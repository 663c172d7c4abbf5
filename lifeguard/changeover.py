"""One inventory in place of another, in every part of the daemon that goes by one.

All of it is one turn of the reactor: nobody sees half of an inventory. Nothing is
saved, for all that must outlast a kill is in the store already: the outlets of a board
that is removed, or moved to others, are marked as owed since they were switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.defer import Deferred

    from lifeguard.blame.inquiry import Inquiry
    from lifeguard.fleet import Fleet
    from lifeguard.inventory.difference import Difference
    from lifeguard.model import Inventory, Standing
    from lifeguard.power import Power
    from lifeguard.power.relay_boards import RelayBoards

log = Logger()


class Follower(Protocol):
    """A part that goes by the inventory, and has nothing under way by it."""

    def take_inventory(self, inventory: Inventory) -> None: ...


class Changeover:
    """Has all parts go by another inventory; `followers` when the boards do.

    Those may become more until then.
    """

    def __init__(
        self,
        fleet: Fleet,
        power: Power,
        relay_boards: RelayBoards,
        inquiry: Inquiry,
        followers: Sequence[Follower],
    ) -> None:
        self._fleet, self._power = fleet, power
        self._relay_boards, self._inquiry = relay_boards, inquiry
        self._followers = followers

    def make(
        self,
        inventory: Inventory,
        difference: Difference,
        known: Mapping[str, Standing],
    ) -> Deferred[None]:
        """Fires when all boards that `inventory` lacks have been let go.

        Records that are not different are those of the old one. `known` are the rows
        of boards that are new and have stood in an inventory before.
        """
        for name in difference.of("relay_boards", "added", "changed"):
            queue = self._relay_boards.take(inventory.relay_boards[name])
            self._power.add_relay_board(name, queue)
        leaving = self._fleet.take_inventory(
            inventory, difference, known, self._inquiry.board_left
        )
        self._inquiry.take_boards(difference.of("boards", "added", "changed"))
        for follower in self._followers:
            follower.take_inventory(inventory)
        for name in difference.of("relay_boards", "removed"):
            self._inquiry.left(Cause("relay-board", name))
            self._power.remove_relay_board(name).addCallback(self._removed, name)
        for name in difference.of("images", "removed"):
            self._inquiry.left(Cause("image", name))
        return leaving

    def _removed(self, is_closed: bool, name: str) -> None:
        """Unless it was added again meanwhile."""
        if is_closed:
            self._relay_boards.forget(name)
            log.info("{relay_board}: not in the inventory any more", relay_board=name)
