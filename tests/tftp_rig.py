"""A TFTP server in virtual time over fake sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport
from twisted.logger import LogEvent

from lifeguard.netboot.admission import Admission
from lifeguard.netboot.connection import Client
from lifeguard.netboot.files import FileContent, MemoryContent, NotFound, Root
from lifeguard.netboot.image_cache import ImageCache
from lifeguard.netboot.pump import Pump
from lifeguard.netboot.tftp import NO_SUCH_FILE, Requests
from lifeguard.netboot.tftp_server import ANYWHERE
from lifeguard.netboot.totals import TransferTotals
from lifeguard.netboot.wheel import TICK
from lifeguard.wire.tftp import Ack, Error, Rrq

HERE = "192.0.2.1"
BOARD = Client("192.0.2.101", 1203, HERE)
RRQ = bytes(Rrq("kernel", "octet"))
RRQ_SIZE = bytes(Rrq("kernel", "octet", (("tsize", "0"),)))
PROBED = bytes(Error(8, "User aborted the transfer"))
NOT_FOUND = bytes(Error(1, NO_SUCH_FILE))
ACK_1 = bytes(Ack(1))


class Reactor(Clock):
    """A clock that only notes who reads."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[IReadDescriptor] = []
        self.each_look = 0.0
        """Seconds that pass by looking at the clock."""

    def seconds(self) -> float:
        self.rightNow += self.each_look
        return super().seconds()

    def addReader(self, reader: IReadDescriptor) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: IReadDescriptor) -> None:
        self.readers.remove(reader)

    def removeWriter(self, writer: object) -> None:
        pass


class Poller:
    """Tells of every handle that is registered; most have nothing to read then."""

    def __init__(self) -> None:
        self.handles: list[int] = []
        self.told = self.tells_always = False
        self.closed = False

    def fileno(self) -> int:
        return 98

    def register(self, handle: int, events: int, /) -> None:
        self.handles.append(handle)

    def unregister(self, handle: int, /) -> None:
        self.handles.remove(handle)

    def poll(
        self, timeout: float | None = None, maxevents: int = -1
    ) -> list[tuple[int, int]]:
        self.told = self.tells_always or not self.told
        return [(handle, 1) for handle in self.handles] if self.told else []

    def close(self) -> None:
        self.closed = True


@dataclass
class Connection:
    """A socket whose far end is the test. Errors put into `inbox` are raised."""

    number: int = 99
    largest_packet: int = 1472
    sent: list[bytes] = field(default_factory=list)
    inbox: list[bytes | OSError] = field(default_factory=list)
    send_error: OSError | None = None
    on_send: Callable[[], object] = bool
    closed: bool = False

    def fileno(self) -> int:
        return self.number

    def receive(self, size: int, flags: int = 0, /) -> bytes:
        if not self.inbox:
            raise BlockingIOError
        first = self.inbox[0] if flags & socket.MSG_PEEK else self.inbox.pop(0)
        if isinstance(first, OSError):
            raise first
        return first

    def transmit(self, packet: bytes, /) -> None:
        self.send([packet])

    def send(self, packets: list[bytes], /) -> None:
        if self.send_error is not None:
            raise self.send_error
        self.sent += packets
        self.on_send()

    def close(self) -> None:
        self.closed = True


class Content(MemoryContent):
    closed = False

    def close(self) -> None:
        self.closed = True


class Lab:
    """A server with its far ends. `files` may hold what the resolver raises."""

    def __init__(
        self, most_transfers: int = 4096, networks: Sequence[IPv4Network] = ANYWHERE
    ) -> None:
        self.files: dict[str, bytes | Exception] = {"kernel": b"x" * 1000}
        self.asked: list[tuple[str, str]] = []
        self.opened: list[Content] = []
        self.connections: list[Connection] = []
        self.connect_error: OSError | None = None
        self.largest_packet = 1472
        self.reactor = Reactor()
        self.transport = FakeDatagramTransport()
        self.boards = {BOARD.address}
        self.poller = Poller()
        self.pump = Pump(self.reactor, self.poller)
        self.totals = TransferTotals()
        self.requests = Requests(
            self.resolve,
            self.reactor,
            self.pump,
            ImageCache(2**20),
            self.connect,
            Admission(self.boards.__contains__, networks),
            most_transfers,
            self.totals,
        )
        self.requests.makeConnection(self.transport)

    def resolve(self, name: str, client: str) -> Content:
        self.asked.append((name, client))
        found = self.files.get(name, NotFound(name))
        if isinstance(found, Exception):
            raise found
        self.opened.append(Content(found))
        return self.opened[-1]

    def connect(self, client: Client) -> Connection:
        if self.connect_error is not None:
            raise self.connect_error
        number = 100 + len(self.connections)
        self.connections.append(Connection(number, self.largest_packet))
        return self.connections[-1]

    def receive(self, datagram: bytes, client: Client = BOARD) -> None:
        self.requests.datagramReceived(datagram, client)

    def arrive(self, datagram: bytes | OSError, transfer: int = -1) -> None:
        """Something for a transfer, by number, that the reactor hears of."""
        self.connections[transfer].inbox.append(datagram)
        self.pump.doRead()

    def pending(self) -> list[object]:
        """Timers, after the turn that finds nothing more to do."""
        self.reactor.advance(TICK)
        return list(self.reactor.getDelayedCalls())

    def wait(self, seconds: float) -> None:
        """Let the time pass, a turn of the pump's timer at a time."""
        self.reactor.pump([TICK] * round(seconds / TICK + 1))

    @property
    def refused(self) -> list[Any]:
        return self.transport.written


class CachingLab(Lab):
    """What is asked for is a file, so that its packets are cached."""

    def __init__(self, root: Path) -> None:
        self._root = Root(root)
        super().__init__()

    def resolve(self, name: str, client: str) -> FileContent:  # type: ignore[override]
        return self._root.open(name)


def outcomes(lines: list[LogEvent]) -> list[str]:
    return [event["outcome"] for event in lines if "outcome" in event]
