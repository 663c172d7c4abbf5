"""The port that requests come to, on all addresses of this machine or on one.

Twisted's own does not tell which address a datagram was sent to. Linux, IPv4; what
the datagrams say does not belong here.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.udp import Port
from twisted.logger import Logger

from lifeguard.netboot.connection import Client

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReadDescriptor
    from twisted.internet.protocol import DatagramProtocol

log = Logger()

BUDGET = 0.0005
"""Seconds after which the rest of the reactor has its turn, transfers among it."""

_RECEIVE_BUFFER = 4 * 2**20  # bytes; the usual 208 KiB hold 277 requests
_LARGEST_REQUEST = 1472  # an Ethernet frame's; TFTP's and DHCP's are smaller

# Linux; the socket module does not name them.
_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8

_PACKET_INFO = struct.Struct("=i4s4s")
"""Interface, our address, the address in the header, which may be a broadcast."""


class Ear(Protocol):
    """Who tells when there is something to read."""

    def addReader(self, reader: IReadDescriptor) -> None: ...

    def removeReader(self, reader: IReadDescriptor) -> None: ...


class RequestPort(Port):
    """Takes datagrams from a `Client` and sends to one, from the address it asked.

    `ear` None: the reactor's.
    """

    reactor: Any  # Twisted's own asks it for no clock, this one does

    def __init__(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        *,
        reactor: object,
        ear: Ear | None = None,
    ) -> None:
        super().__init__(port, protocol, interface, reactor=reactor)
        self._ear: Ear = ear or self.reactor

    def startReading(self) -> None:
        self._ear.addReader(self)

    def stopReading(self) -> None:
        self._ear.removeReader(self)

    def createInternetSocket(self) -> socket.socket:
        handle = super().createInternetSocket()
        handle.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        _enlarge(handle)
        return handle

    def doRead(self) -> None:
        """Take what has arrived, for half a millisecond at the most.

        Nothing that it does closes the port.
        """
        until = self.reactor.seconds() + BUDGET
        while self.reactor.seconds() < until:
            try:
                datagram, ancillary, _, (address, port) = self.socket.recvmsg(
                    _LARGEST_REQUEST, socket.CMSG_SPACE(_PACKET_INFO.size)
                )
            except OSError:  # there is no more, or an earlier answer did not arrive
                return
            client = Client(address, port, _address_asked(ancillary[0][2]))
            try:
                self.protocol.datagramReceived(datagram, client)
            except Exception:
                log.failure("{client}: a fault of ours", client=client)

    def write(self, datagram: bytes, addr: Client | None = None) -> None:  # type: ignore[override]
        """Send to `addr`, which is never left out; raises OSError."""
        assert addr is not None
        ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, _info_of(addr.asked))]
        self.socket.sendmsg([datagram], ancillary, 0, (addr.address, addr.port))


@lru_cache(maxsize=64)  # this machine has few addresses
def _info_of(asked: str) -> bytes:
    return _PACKET_INFO.pack(0, socket.inet_aton(asked), bytes(4))


@lru_cache(maxsize=64)
def _address_asked(info: bytes) -> str:
    _, ours, _ = _PACKET_INFO.unpack(info)
    return socket.inet_ntoa(ours)


def _enlarge(handle: socket.socket) -> None:
    """Room for the requests of a whole lab that is switched on at once."""
    try:
        handle.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
