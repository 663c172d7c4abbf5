"""What is counted of TFTP transfers: each when it has ended, none by its packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.netboot.transfer import Outcome

if TYPE_CHECKING:
    from lifeguard.netboot.transfer import Transfer

STOPPED = "stopped"
"""How a transfer ended that the server has ended itself."""


def outcome_of(transfer: Transfer) -> str:
    """How a transfer has ended, in a word or two."""
    return STOPPED if transfer.outcome is None else transfer.outcome.value


class TransferTotals:
    """Of all transfers that have ended."""

    def __init__(self) -> None:
        self.transfers = dict.fromkeys([*(each.value for each in Outcome), STOPPED], 0)
        """By their outcome."""
        self.bytes = 0
        """Of files; what was sent again is not counted again."""
        self.retransmits = 0
        """Packets sent again."""

    def count(self, transfer: Transfer) -> None:
        """One has ended."""
        self.transfers[outcome_of(transfer)] += 1
        self.bytes += transfer.bytes_sent
        self.retransmits += transfer.retransmits
