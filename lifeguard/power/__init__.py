"""Power: the queues of the relay boards, boards' power cycles, and what is owed."""

from lifeguard.power.errors import RelayError, UnknownRelayBoard
from lifeguard.power.owed import OwedOutlet
from lifeguard.power.queue import RelayBoardQueue
from lifeguard.power.seams import PowerReports, RelayBoardStatus, Switches
from lifeguard.power.service import Power

__all__ = [
    "OwedOutlet",
    "Power",
    "PowerReports",
    "RelayBoardQueue",
    "RelayBoardStatus",
    "RelayError",
    "Switches",
    "UnknownRelayBoard",
]
