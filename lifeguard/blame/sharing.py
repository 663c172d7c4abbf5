"""What boards share, as the inventory has it: all that several of them can fail by."""

from __future__ import annotations

from ipaddress import IPv4Network
from socket import inet_aton
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.model import Cause

if TYPE_CHECKING:
    from lifeguard.model import Board, Inventory


class _Shared(NamedTuple):
    """What one board shares with others; `network` is the first bits of its address."""

    relay_boards: tuple[str, ...]
    hardware: str
    network: int | None


class Sharing:
    """The causes of each board that only another inventory changes.

    Addresses are shared by networks of `prefix` bits. Boards that share all have one
    tuple: there are ten thousand of them, and few different ones.
    """

    def __init__(self, inventory: Inventory, prefix: int) -> None:
        self._prefix = prefix
        self._known: dict[_Shared, tuple[Cause, ...]] = {}
        self.causes = {name: self.of(board) for name, board in inventory.boards.items()}

    def of(self, board: Board) -> tuple[Cause, ...]:
        """What such a board shares."""
        relay_boards = dict.fromkeys([outlet.relay_board for outlet in board.power])
        shared = _Shared(tuple(relay_boards), board.hardware, self._bits(board.address))
        if shared not in self._known:
            self._known[shared] = self._made(shared)
        return self._known[shared]

    def _bits(self, address: str | None) -> int | None:
        if address is None:
            return None
        return int.from_bytes(inet_aton(address)) >> (32 - self._prefix)

    def _made(self, shared: _Shared) -> tuple[Cause, ...]:
        causes = [Cause("relay-board", name) for name in shared.relay_boards]
        causes.append(Cause("hardware", shared.hardware))
        if shared.network is not None:
            first = shared.network << (32 - self._prefix)
            network = IPv4Network((first, self._prefix))
            causes.append(Cause("addresses", str(network)))
        return tuple(causes)
