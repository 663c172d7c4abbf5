"""The server as a service, over real sockets.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NoAnswer
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import LogEvent, globalLogPublisher

from lifeguard.netboot.files import Root
from lifeguard.netboot.tftp import NO_SUCH_FILE, Requests
from lifeguard.netboot.tftp_server import TftpServer
from lifeguard.wire.tftp import Ack, Data, Error, Rrq, parse
from tests.tftp_rig import RRQ

BROADCAST = "127.255.255.255"


class Board(DatagramProtocol):
    """A lockstep client; `arrived` fires with the file or the ERROR."""

    noisy = False

    def __init__(self, server: tuple[str, int], request: Rrq) -> None:
        self._server = server
        self._request = request
        self._payload = b""
        self.answered_from: set[tuple[str, int]] = set()
        self.arrived: Deferred[bytes | Error] = Deferred()

    def startProtocol(self) -> None:
        self.transport.setBroadcastAllowed(self._server[0] == BROADCAST)  # type: ignore[union-attr]
        self.transport.write(bytes(self._request), self._server)  # type: ignore[union-attr]

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        packet = parse(datagram)
        self.answered_from.add(addr)
        if isinstance(packet, Error):
            return self.arrived.callback(packet)
        assert isinstance(packet, Data)
        self._payload += packet.payload
        self.transport.write(bytes(Ack(packet.block)), addr)  # type: ignore[union-attr]
        if len(packet.payload) < 512:
            self.arrived.callback(self._payload)


class Disturbed(Board):
    """A client whose transfer a stranger knows of, who wants it to end."""

    def __init__(
        self, server: tuple[str, int], request: Rrq, stranger: socket.socket
    ) -> None:
        super().__init__(server, request)
        self._stranger = stranger

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        for packet in (Error(0, "away"), Ack(1), Ack(2), Rrq("kernel", "octet")):
            self._stranger.sendto(bytes(packet), addr)
        super().datagramReceived(datagram, addr)


class Silent(Board):
    """A client that asks and never answers."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.arrived.callback(datagram)


def next_outcome() -> Deferred[str]:
    """How the next transfer ends, as the log tells."""
    told: Deferred[str] = Deferred()

    def observe(event: LogEvent) -> None:
        if "outcome" in event:
            globalLogPublisher.removeObserver(observe)
            told.callback(event["outcome"])

    globalLogPublisher.addObserver(observe)
    return told.addTimeout(5, reactor)


def server(root: Path, **options: Any) -> TftpServer:
    files = Root(root)
    options = {"address": "127.0.0.1", "port": 0, **options}
    return TftpServer(lambda name, client: files.open(name), reactor, **options)  # type: ignore[arg-type]


async def fetch(
    tftp: TftpServer, name: str, at: str = "127.0.0.1", limit: float = 5
) -> tuple[bytes | Error, set[tuple[str, int]]]:
    """What came for that name, asked at that address, and from where it came."""
    board = Board((at, tftp.port), Rrq(name, "octet"))
    port = reactor.listenUDP(0, board, "127.0.0.1")  # type: ignore[attr-defined]
    try:
        answer = await board.arrived.addTimeout(limit, reactor)
    finally:
        await port.stopListening()
    return answer, board.answered_from


@ensureDeferred
async def test_a_file_is_fetched_over_real_sockets(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(bytes(range(256)) * 100)
    tftp = server(tmp_path)
    tftp.startService()
    kernel, kernel_from = await fetch(tftp, "/kernel")
    missing, missing_from = await fetch(tftp, "../kernel")
    assert kernel == bytes(range(256)) * 100
    assert missing == Error(1, NO_SUCH_FILE)
    assert missing_from == {("127.0.0.1", tftp.port)}
    assert kernel_from & missing_from == set()
    await tftp.stopService()


@ensureDeferred
async def test_answers_come_from_the_address_asked(tmp_path: Path) -> None:
    """Line 11: PXELINUX drops any other, and here the route's is 127.0.0.1."""
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path, address="0.0.0.0")
    tftp.startService()
    for address in ("127.0.0.5", "127.0.0.6"):
        kernel, kernel_from = await fetch(tftp, "kernel", address)
        missing, missing_from = await fetch(tftp, "nothing", address)
        assert (kernel, missing) == (b"x" * 1000, Error(1, NO_SUCH_FILE))
        assert {host for host, _ in kernel_from} == {address}
        assert missing_from == {(address, tftp.port)}
    await tftp.stopService()


@ensureDeferred
async def test_who_asks_everybody_is_answered_from_the_interfaces_address(
    tmp_path: Path,
) -> None:
    """Line 11: some clients do; nobody can be answered from a broadcast's."""
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path, address="0.0.0.0")
    tftp.startService()
    answers = [await fetch(tftp, name, BROADCAST) for name in ("kernel", "nothing")]
    assert [answer for answer, _ in answers] == [b"x" * 1000, Error(1, NO_SUCH_FILE)]
    assert {host for _, senders in answers for host, _ in senders} == {"127.0.0.1"}
    await tftp.stopService()


@ensureDeferred
async def test_a_stranger_does_not_disturb_a_transfer(tmp_path: Path) -> None:
    """Line 13: the kernel keeps him out, and the transfer goes on."""
    (tmp_path / "kernel").write_bytes(b"x" * 100_000)
    tftp = server(tmp_path)
    tftp.startService()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        board = Disturbed(("127.0.0.1", tftp.port), Rrq("kernel", "octet"), stranger)
        port = reactor.listenUDP(0, board, "127.0.0.1")  # type: ignore[attr-defined]
        answer = await board.arrived.addTimeout(5, reactor)
        await port.stopListening()
    assert answer == b"x" * 100_000
    await tftp.stopService()


@ensureDeferred
async def test_a_fault_of_ours_does_not_close_the_port(
    tmp_path: Path,
    logged_failures: list[LogEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tftp = server(tmp_path)
    tftp.startService()
    with monkeypatch.context() as patched:
        patched.setattr(Requests, "datagramReceived", None)
        with pytest.raises(NoAnswer):
            await fetch(tftp, "nothing", limit=0.2)
    assert [event["log_failure"].type for event in logged_failures] == [TypeError]
    logged_failures.clear()
    answer, _ = await fetch(tftp, "nothing")
    assert answer == Error(1, NO_SUCH_FILE)
    await tftp.stopService()


@ensureDeferred
async def test_stopping_ends_all_transfers(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path)
    tftp.startService()
    board = Silent(("127.0.0.1", tftp.port), Rrq("kernel", "octet"))
    port = reactor.listenUDP(0, board, "127.0.0.1")  # type: ignore[attr-defined]
    await board.arrived.addTimeout(5, reactor)
    outcome = next_outcome()
    await tftp.stopService()
    assert await outcome == "stopped"
    await port.stopListening()


@ensureDeferred
async def test_a_client_whose_port_is_closed_is_noticed(tmp_path: Path) -> None:
    """Line 26: the kernel says so on a connected socket only."""
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path)
    tftp.startService()
    outcome = next_outcome()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        board.sendto(RRQ, ("127.0.0.1", tftp.port))
    assert await outcome == "probed"
    await tftp.stopService()


@ensureDeferred
async def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    first = server(tmp_path)
    first.privilegedStartService()
    first.startService()
    second = server(tmp_path, port=first.port)
    with pytest.raises(CannotListenError):
        second.privilegedStartService()
    await second.stopService()
    await first.stopService()


@ensureDeferred
async def test_a_server_may_be_started_again(tmp_path: Path) -> None:
    tftp = server(tmp_path)
    with pytest.raises(RuntimeError):
        _ = tftp.port
    for _ in range(2):
        tftp.startService()
        answer, _ = await fetch(tftp, "nothing")
        assert answer == Error(1, NO_SUCH_FILE)
        await tftp.stopService()
