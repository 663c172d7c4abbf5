"""Echo requests to any number of boards over one ICMP socket.

Linux gives any user a "ping socket" where `net.ipv4.ping_group_range` allows it;
else a raw socket is opened, for which root or CAP_NET_RAW is needed. The service
opens it early, while the daemon still has its privileges.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from itertools import cycle
from random import randrange
from typing import TYPE_CHECKING, NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from lifeguard.health.checks import CannotPoll
from lifeguard.wire import icmp

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFDSet
    from twisted.python.failure import Failure

_LONGEST_PACKET = 65535


class EchoSocket(NamedTuple):
    """An ICMP socket that does not block. A raw one sees everybody's messages, with
    their IP header, and `identifier` tells ours; a ping socket sees only ours."""

    socket: socket.socket
    identifier: int
    is_raw: bool


def open_echo_socket() -> EchoSocket:
    """The least privileged socket that is allowed. OSError if none is."""
    try:
        return _ping_socket()
    except OSError:
        return _raw_socket()


def _ping_socket() -> EchoSocket:
    opened = _icmp_socket(socket.SOCK_DGRAM)
    opened.bind(("0.0.0.0", 0))  # the "port" that the kernel chooses is the identifier
    return EchoSocket(opened, opened.getsockname()[1], is_raw=False)


def _raw_socket() -> EchoSocket:
    opened = _icmp_socket(socket.SOCK_RAW)
    return EchoSocket(opened, randrange(0x10000), is_raw=True)


def _icmp_socket(kind: socket.SocketKind) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
    opened.setblocking(False)
    return opened


@implementer(IReadDescriptor)
class Pinger(Service):
    """Sends echo requests, and fires each when its own reply comes.

    A reply is told by address, identifier and sequence: a late one answers nobody.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        open_socket: Callable[[], EchoSocket] = open_echo_socket,
    ) -> None:
        self._reactor = reactor
        self._open_socket = open_socket
        self._echo: EchoSocket | None = None
        self._sequences = cycle(range(0x10000))
        self._waiting: dict[tuple[str, int], Deferred[None]] = {}

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        with suppress(OSError):  # which the first ping will report
            self._opened()

    def stopService(self) -> None:
        super().stopService()
        self._close("lifeguard stops")

    def ping(self, address: str) -> Deferred[None]:
        """Fires when the host at this IPv4 address replies, if it ever does.

        CannotPoll when no socket can be had, or nothing be sent to the address.
        """
        sequence = next(self._sequences)
        try:
            target = str(IPv4Address(address))
            echo = self._opened()
            request = icmp.echo_request(echo.identifier, sequence)
            echo.socket.sendto(request, (target, 0))
        except AddressValueError:
            return fail(CannotPoll("only IPv4 addresses can be pinged"))
        except OSError as error:
            return fail(CannotPoll(f"{error.strerror}"))
        return self._reply(target, sequence)

    def _reply(self, address: str, sequence: int) -> Deferred[None]:
        def give_up(_: Deferred[None]) -> None:
            del self._waiting[address, sequence]

        reply: Deferred[None] = Deferred(give_up)
        self._waiting[address, sequence] = reply
        return reply

    def _opened(self) -> EchoSocket:
        if self._echo is None:
            self._echo = self._open_socket()
            self._reactor.addReader(self)
        return self._echo

    def _close(self, why: str) -> None:
        if self._echo is None:
            return
        self._reactor.removeReader(self)
        self._echo.socket.close()
        self._echo = None
        while self._waiting:
            _, reply = self._waiting.popitem()
            reply.errback(CannotPoll(why))

    def fileno(self) -> int:
        return -1 if self._echo is None else self._echo.socket.fileno()

    def logPrefix(self) -> str:
        return "pinger"

    def doRead(self) -> None:
        if self._echo is None:
            return
        try:
            packet, (address, _) = self._echo.socket.recvfrom(_LONGEST_PACKET)
        except BlockingIOError:
            return
        except OSError as error:
            self._close(f"{error.strerror}")
            return
        self._received(self._echo, packet, address)

    def _received(self, echo: EchoSocket, packet: bytes, address: str) -> None:
        try:
            message = icmp.without_ip_header(packet) if echo.is_raw else packet
            reply = icmp.parse_echo_reply(message)
        except icmp.NotAnEchoReply:
            return
        if reply.identifier != echo.identifier:
            return
        waiting = self._waiting.pop((address, reply.sequence), None)
        if waiting is not None:
            waiting.callback(None)

    def connectionLost(self, reason: Failure) -> None:
        """The socket is of no use any more; the next ping opens another."""
        self._close("the ping socket was lost")
