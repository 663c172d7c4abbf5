"""Pings over one socket: whose reply is whose, and what keeps us from asking."""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from struct import pack
from typing import Any, cast

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure

from lifeguard.health.checks import CannotPoll
from lifeguard.health.pinger import EchoSocket, Pinger
from lifeguard.wire.icmp import checksum, echo_request

REAL = cast("Any", reactor)
"""The reactor module has no type that fits."""

ASKED = ["192.0.2.1", "192.0.2.2"]


class FakeSocket:
    """Keeps what is sent, gives what is put into `inbox`."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.inbox: deque[tuple[bytes, str] | OSError] = deque()
        self.refuses: OSError | None = None
        self.closed = False

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.sent.append((data, address))

    def recvfrom(self, _: int) -> tuple[bytes, tuple[str, int]]:
        if not self.inbox:
            raise BlockingIOError(errno.EAGAIN, "nothing there")
        packet = self.inbox.popleft()
        if isinstance(packet, OSError):
            raise packet
        return packet[0], (packet[1], 0)

    def fileno(self) -> int:
        return -1 if self.closed else 99

    def close(self) -> None:
        self.closed = True


class Rig:
    """A pinger on fake sockets; `fired` is what became of its pings, in order."""

    def __init__(self, is_raw: bool) -> None:
        self.reactor = MemoryReactor()
        self.opened: list[FakeSocket] = []
        self.is_raw = is_raw
        self.pinger = Pinger(cast("Any", self.reactor), self.open_socket)
        self.fired: list[tuple[str, str]] = []

    def open_socket(self) -> EchoSocket:
        self.opened.append(FakeSocket())
        identifier = 0x1000 * len(self.opened)
        return EchoSocket(
            cast("socket.socket", self.opened[-1]), identifier, self.is_raw
        )

    def ping(self, address: str) -> Deferred[None]:
        def missed(failure: Failure) -> None:
            self.fired.append((address, repr(failure.value)))

        ping = self.pinger.ping(address)
        ping.addCallbacks(lambda _: self.fired.append((address, "answered")), missed)
        return ping

    def hear(self, packet: bytes | OSError, source: str = "") -> None:
        self.opened[-1].inbox.append(
            packet if isinstance(packet, OSError) else (packet, source)
        )
        self.pinger.doRead()


def rig(is_raw: bool = False) -> Rig:
    return Rig(is_raw)


def reply(identifier: int, sequence: int) -> bytes:
    own = checksum(pack("!BBHHH", 0, 0, 0, identifier, sequence))
    return pack("!BBHHH", 0, 0, own, identifier, sequence)


def test_one_socket_asks_all_and_is_read_by_the_reactor() -> None:
    parts = rig()
    for address in ASKED:
        parts.ping(address)
    assert [fake.sent for fake in parts.opened] == [
        [
            (echo_request(0x1000, 0), ("192.0.2.1", 0)),
            (echo_request(0x1000, 1), ("192.0.2.2", 0)),
        ]
    ]
    assert list(parts.reactor.readers) == [parts.pinger]


def test_a_reply_answers_its_own_request_alone() -> None:
    parts = rig()
    for address in ASKED:
        parts.ping(address)
    parts.hear(reply(0x1000, 1), "192.0.2.2")
    assert parts.fired == [("192.0.2.2", "answered")]
    parts.hear(reply(0x1000, 0), "192.0.2.1")
    assert parts.fired == [("192.0.2.2", "answered"), ("192.0.2.1", "answered")]


@pytest.mark.parametrize(
    ("packet", "source"),
    [
        (reply(0x1000, 0), "192.0.2.2"),
        (reply(0x1000, 1), "192.0.2.1"),
        (reply(0x1001, 0), "192.0.2.1"),
        (echo_request(0x1000, 0), "192.0.2.1"),
        (b"garbage", "192.0.2.1"),
        (b"", "192.0.2.1"),
    ],
)
def test_what_is_not_its_reply_answers_nobody(packet: bytes, source: str) -> None:
    parts = rig()
    parts.ping("192.0.2.1")
    parts.hear(packet, source)
    parts.pinger.doRead()  # nothing there
    assert parts.fired == []


def test_a_reply_counts_once_and_not_after_its_ping_was_given_up() -> None:
    parts = rig()
    parts.ping("192.0.2.1").cancel()
    parts.hear(reply(0x1000, 0), "192.0.2.1")
    parts.ping("192.0.2.2")
    for _ in range(2):
        parts.hear(reply(0x1000, 1), "192.0.2.2")
    assert [address for address, _ in parts.fired] == ["192.0.2.1", "192.0.2.2"]


def test_a_raw_socket_gives_the_ip_header_too() -> None:
    parts = rig(is_raw=True)
    parts.ping("192.0.2.1")
    parts.hear(reply(0x1000, 0), "192.0.2.1")
    assert parts.fired == []
    parts.hear(b"\x45" + bytes(19) + reply(0x1000, 0), "192.0.2.1")
    assert parts.fired == [("192.0.2.1", "answered")]


def test_without_a_permission_no_ping_can_be_made() -> None:
    def refuse() -> EchoSocket:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    pinger = Pinger(cast("Any", MemoryReactor()), refuse)
    pinger.privilegedStartService()
    failure = failure_of(pinger.ping("192.0.2.1"))
    assert repr(failure.value) == "CannotPoll('Operation not permitted')"


def test_what_the_kernel_will_not_send_is_no_miss() -> None:
    parts = rig()
    parts.pinger.privilegedStartService()
    parts.opened[0].refuses = OSError(errno.ENETUNREACH, "Network is unreachable")
    parts.ping("192.0.2.1")
    assert parts.fired == [("192.0.2.1", "CannotPoll('Network is unreachable')")]


@pytest.mark.parametrize("address", ["2001:db8::1", "panda-01", "", "127.1"])
def test_only_an_ipv4_address_is_pinged(address: str) -> None:
    parts = rig()
    parts.ping(address)
    assert parts.fired == [(address, "CannotPoll('only IPv4 addresses can be pinged')")]


def test_a_socket_that_fails_is_replaced_at_the_next_ping() -> None:
    parts = rig()
    parts.ping("192.0.2.1")
    parts.hear(OSError(errno.ENETDOWN, "Network is down"))
    parts.ping("192.0.2.2")
    parts.hear(reply(0x2000, 1), "192.0.2.2")
    assert parts.fired == [
        ("192.0.2.1", "CannotPoll('Network is down')"),
        ("192.0.2.2", "answered"),
    ]
    assert [fake.closed for fake in parts.opened] == [True, False]


def test_the_service_opens_early_and_closes_in_the_end() -> None:
    parts = rig()
    parts.pinger.privilegedStartService()
    parts.pinger.startService()
    assert list(parts.reactor.readers) == [parts.pinger]
    parts.pinger.stopService()
    assert list(parts.reactor.readers) == []
    assert [fake.closed for fake in parts.opened] == [True]
    assert parts.pinger.fileno() == -1


def failure_of(deferred: Deferred[None]) -> Failure:
    failures: list[Failure] = []
    deferred.addErrback(failures.append)
    return failures[0]


@ensureDeferred
async def test_this_machine_answers_its_own_pings_or_does_not_let_us_ask() -> None:
    pinger = Pinger(REAL)
    pings = [pinger.ping("127.0.0.1").addTimeout(5, REAL) for _ in range(3)]
    results = await DeferredList(pings, consumeErrors=True)
    pinger.stopService()
    assert [repr(result) for _, result in results] in (
        ["None"] * 3,
        [repr(Failure(CannotPoll("Operation not permitted")))] * 3,
    )
