"""What boards share, as the inventory has it: all that several of them can fail by."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from lifeguard.model import Cause

if TYPE_CHECKING:
    from lifeguard.model import Board, Inventory


class Sharing:
    """The causes of each board that do not change while lifeguard runs.

    Addresses are shared by networks of `prefix` bits.
    """

    def __init__(self, inventory: Inventory, prefix: int) -> None:
        self._prefix = prefix
        self.causes = {
            name: self._causes(board) for name, board in inventory.boards.items()
        }

    def members(self, cause: Cause) -> frozenset[str]:
        """The boards that share it."""
        return frozenset(
            board for board, causes in self.causes.items() if cause in causes
        )

    def _causes(self, board: Board) -> tuple[Cause, ...]:
        relay_boards = dict.fromkeys(outlet.relay_board for outlet in board.power)
        causes = [Cause("relay-board", name) for name in relay_boards]
        causes.append(Cause("hardware", board.hardware))
        if board.address is not None:
            network = IPv4Network((board.address, self._prefix), strict=False)
            causes.append(Cause("addresses", str(network)))
        return tuple(causes)
