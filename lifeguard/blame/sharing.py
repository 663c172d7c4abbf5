"""What boards share, as the inventory has it: all that several of them can fail by."""

from __future__ import annotations

from ipaddress import IPv4Network
from socket import inet_aton
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
        self._networks: dict[int, Cause] = {}
        self.causes = {
            name: self._causes(board) for name, board in inventory.boards.items()
        }

    def _causes(self, board: Board) -> tuple[Cause, ...]:
        relay_boards = dict.fromkeys(outlet.relay_board for outlet in board.power)
        causes = [Cause("relay-board", name) for name in relay_boards]
        causes.append(Cause("hardware", board.hardware))
        if board.address is not None:
            causes.append(self._network(board.address))
        return tuple(causes)

    def _network(self, address: str) -> Cause:
        """Made once for all: ten thousand boards would take a quarter of a second."""
        number = int.from_bytes(inet_aton(address)) >> (32 - self._prefix)
        if number not in self._networks:
            network = IPv4Network((address, self._prefix), strict=False)
            self._networks[number] = Cause("addresses", str(network))
        return self._networks[number]
