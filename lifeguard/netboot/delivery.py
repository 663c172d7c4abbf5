"""One transfer and its connection, and who hears how far it has come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.netboot.transfer import Transfer


class Connection(Protocol):
    """The socket of one transfer, as `connection.Connection` is."""

    @property
    def largest_packet(self) -> int: ...

    def fileno(self) -> int: ...

    def receive(self, size: int, flags: int = 0, /) -> bytes: ...

    def transmit(self, packet: bytes, /) -> object: ...

    def send(self, packets: list[bytes], /) -> None: ...

    def close(self) -> None: ...


class Delivery:
    """One transfer and its connection; `label` is what the log calls it.

    `answered` is called once if the client says anything, `begun` if it has some of
    the file, `ended` when all is over.
    """

    def __init__(
        self,
        transfer: Transfer,
        connection: Connection,
        label: str,
        answered: Callable[[], object],
        begun: Callable[[], object],
        ended: Callable[[Delivery], object],
    ) -> None:
        self.transfer = transfer
        self.connection = connection
        # Looked up once, for all three are called for every packet.
        self.steps = connection.receive, transfer.on_next_ack, connection.transmit
        self.label = label
        self.answered = answered
        self.begun = begun
        self.ended = ended
        self.handle = connection.fileno()
        self.look_at = math.inf
        """When the pump looks at it though nothing arrives; never later than due."""
        self.running = True

    def on_packet(self, datagram: bytes, now: float) -> list[bytes]:
        """As the transfer does, and tell what is new."""
        transfer = self.transfer
        answered, begun = transfer.answered, transfer.begun
        packets = transfer.on_packet(datagram, now)
        if transfer.answered and not answered:
            self.answered()
        if transfer.begun and not begun:
            self.begun()
        return packets
