"""The sockets of the proxyDHCP: port 67, and port 4011 where some ROMs ask again.

Whoever listens on port 67 hears every DHCP client of the network; what is not for
lifeguard is dropped without a word.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.protocol import DatagramProtocol

from lifeguard.netboot.request_port import RequestPort
from lifeguard.wire.dhcp import (
    NOWHERE,
    REQUEST,
    Malformed,
    Message,
    MessageType,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IReactorFDSet

    from lifeguard.netboot.connection import Client

_SERVER_PORT, _CLIENT_PORT = 67, 68
_EVERYBODY = "255.255.255.255"

# Linux; the socket module does not name them.
_IP_MTU_DISCOVER, _IP_PMTUDISC_DONT = 10, 0


class Answers(Protocol):
    """Who knows what a client is told, if it is told anything."""

    def answer(
        self, request: Message, message_type: MessageType, ours: str
    ) -> Message | None: ...


def beside_dhcp(request: Message, client: Client) -> Client:
    """Where a DHCP server sends its answer: to a client without an address, to all."""
    if request.relay_address != NOWHERE:
        return client._replace(address=request.relay_address, port=_SERVER_PORT)
    if request.client_address != NOWHERE:
        return client._replace(address=request.client_address, port=_CLIENT_PORT)
    return client._replace(address=_EVERYBODY, port=_CLIENT_PORT)


def as_boot_server(request: Message, client: Client) -> Client:
    """Where a boot server sends its answer: it has been asked from an address."""
    return client


class Manner(NamedTuple):
    """How a port is spoken on: what is answered with what, and where that goes."""

    answers: Mapping[int, MessageType]
    destination: Callable[[Message, Client], Client]


# A REQUEST on port 67 is for the server that offered an address.
PROXY_DHCP = Manner(
    {
        MessageType.DISCOVER: MessageType.OFFER,
        MessageType.INFORM: MessageType.ACK,
    },
    beside_dhcp,
)
BOOT_SERVER = Manner(
    {
        MessageType.REQUEST: MessageType.ACK,
        MessageType.INFORM: MessageType.ACK,
    },
    as_boot_server,
)


class BroadcastPort(RequestPort):
    """May send to everybody, and does so without the bit that confuses PXE ROMs."""

    def createInternetSocket(self) -> socket.socket:
        handle = super().createInternetSocket()
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        handle.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        return handle


class Requests(DatagramProtocol):
    """Hears what comes to one port; `address` as in the configuration."""

    noisy = False
    transport: BroadcastPort

    def __init__(self, manner: Manner, answers: Answers, address: str) -> None:
        self._manner, self._answers, self._address = manner, answers, address

    def datagramReceived(self, datagram: bytes, addr: Client) -> None:  # type: ignore[override]
        """Answer or ignore; never raises."""
        if self._address not in (NOWHERE, addr.asked):
            return
        try:
            request = parse(datagram)
        except Malformed:
            return
        message_type = self._manner.answers.get(request.type)
        if request.operation != REQUEST or message_type is None:
            return
        answer = self._answers.answer(request, message_type, addr.asked)
        if answer is None:
            return
        # What cannot be sent is as good as lost on the wire.
        with suppress(OSError):
            self.transport.write(bytes(answer), self._manner.destination(request, addr))


class ProxyDhcpServer(Service):
    """Both ports, on all addresses: a socket of one address hears no broadcast."""

    name = "proxy_dhcp"

    def __init__(
        self,
        answers: Answers,
        reactor: IReactorFDSet,
        *,
        address: str,
        ports: tuple[int, int] = (_SERVER_PORT, 4011),
    ) -> None:
        self._reactor = reactor
        self._wanted = [
            (number, Requests(manner, answers, address))
            for number, manner in zip(ports, (PROXY_DHCP, BOOT_SERVER), strict=True)
        ]
        self._listening: list[BroadcastPort] = []

    def listen(self) -> None:
        """Bind the ports, once; raises CannotListenError."""
        for number, requests in self._wanted[len(self._listening) :]:
            port = BroadcastPort(number, requests, reactor=self._reactor)
            port.startListening()
            self._listening.append(port)

    def startService(self) -> None:
        super().startService()
        self.listen()

    def stopService(self) -> Deferred[list[None]]:
        """Close the ports."""
        super().stopService()
        listening, self._listening = self._listening, []
        return gatherResults([maybeDeferred(port.stopListening) for port in listening])
