"""`python -m benchmarks.tftp.hostile`: what forged datagrams do to the daemon.

And what it does with them: a million at port 69, then requests that nobody goes on
with, as the daemon's memory, its answers over HTTP, and the bytes that it sends to
those in whose name they came. All of 127/8 is this machine, so that one socket can send
from any address of it, and gets what is sent there.
"""

from __future__ import annotations

import os
import random
import select
import socket
import struct
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report import arguments
from benchmarks.tftp.http_clock import HttpClock
from benchmarks.tftp.servers import HOST, Running, end_by_sigterm, lifeguard
from lifeguard.wire.tftp import Ack, Data, Error, Rrq, Wrq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

GIVEN_UP = 14.0
"""Seconds after which a transfer that nobody has answered is over."""

QUIET = 3.0

_HEAD = f"{'':22} {'HTTP p99':>8} {'memory':>8} {'after':>8}"
_HEAD += f" {'handles':>8} {'after':>8} {'MB sent':>8} {'returned':>8}"

_DRAIN_EVERY = 32  # datagrams; what is sent back must not be lost unseen
_RECEIVE_BUFFER = 8 * 2**20
_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8
_PACKET_INFO = struct.Struct("=i4s4s")

OPTIONS = (("tsize", "0"), ("blksize", "1468"), ("windowsize", "64"))
FORGED = bytes(Rrq("kernel", "octet", OPTIONS))
FORGED_PLAIN = bytes(Rrq("kernel", "octet"))
SEEDS = [
    FORGED,
    bytes(Rrq("../../etc/passwd", "octet")),
    bytes(Rrq("no/such/file", "netascii", (("blksize", "0"),))),
    bytes(Wrq("kernel", "octet")),
    bytes(Data(1, b"x" * 512)),
    bytes(Ack(1)),
    bytes(Error(0, "x" * 100)),
    b"\0\1" + b"\xff" * 400,
]


class Traffic(NamedTuple):
    """Bytes of datagrams."""

    sent: int
    came_back: int


class Forger:
    """Sends to the server in the name of others, and hears what they are sent."""

    def __init__(self, port: int) -> None:
        self._server = HOST, port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        self._socket.bind(("", 0))
        self._sent = self._came_back = 0

    def run(self, datagrams: Iterator[bytes], linger: float) -> Traffic:
        """Send all, each from an address of its own, and listen for a while."""
        for number, datagram in enumerate(datagrams):
            self._send(datagram, number)
            if number % _DRAIN_EVERY == 0:
                self._drain()
        until = time.monotonic() + linger
        while (left := until - time.monotonic()) > 0:
            select.select([self._socket], [], [], left)
            self._drain()
        self._socket.close()
        return Traffic(self._sent, self._came_back)

    def _send(self, datagram: bytes, number: int) -> None:
        place = bytes((127, 2 + (number >> 16) % 250, number >> 8 & 255, number & 255))
        info = _PACKET_INFO.pack(0, place, bytes(4))
        ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, info)]
        self._socket.sendmsg([datagram], ancillary, 0, self._server)
        self._sent += len(datagram)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self._came_back += len(self._socket.recv(2048))


def noise(count: int) -> Iterator[bytes]:
    """Requests and other packets, some of them cut, some with wrong bytes."""
    dice = random.Random(69)
    for _ in range(count):
        datagram = bytearray(dice.choice(SEEDS))
        if dice.random() < 0.5:
            datagram[dice.randrange(len(datagram))] = dice.randrange(256)
        yield bytes(datagram[: dice.choice((len(datagram), len(datagram), 3))])


def copies(datagram: bytes, count: int) -> Iterator[bytes]:
    """The same request from so many addresses, a few at a time."""
    for number in range(count):
        if number % 100 == 0:
            time.sleep(0.01)
        yield datagram


def attack(
    port: int, datagrams: Callable[[int], Iterator[bytes]], count: int
) -> Traffic:
    """Send so many, and wait until the daemon has given up on them."""
    return Forger(port).run(datagrams(count), GIVEN_UP)


def rest(seconds: float) -> Traffic:
    """No attack, to compare with."""
    time.sleep(seconds)
    return Traffic(1, 0)


def memory(running: Running) -> float:
    """MiB of the daemon in memory."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def handles(running: Running) -> int:
    return len(os.listdir(f"/proc/{running.pid}/fd"))


def watched(name: str, running: Running, http: int, underway: Future[Traffic]) -> None:
    """Print a line about an attack when it is over."""
    most, most_handles = 0.0, 0
    with HttpClock(HOST, http) as clock:
        while not underway.done():
            time.sleep(0.1)
            most = max(most, memory(running))
            most_handles = max(most_handles, handles(running))
    traffic = underway.result()
    print(
        f"{name:22} {clock.p99 * 1000:8.1f} {most:8.1f} {memory(running):8.1f}"
        f" {most_handles:8} {handles(running):8} {traffic.sent / 1e6:8.2f}"
        f" {traffic.came_back / traffic.sent:8.2f}",
        flush=True,
    )


def wait_for(port: int) -> None:
    """Until the daemon takes connections."""
    for _ in range(200):
        with suppress(ConnectionRefusedError), socket.create_connection((HOST, port)):
            return
        time.sleep(0.1)
    raise SystemExit("the daemon does not start")


def main() -> None:
    said = arguments(__doc__, datagrams=1_000_000, requests=10_000, port=16990)
    end_by_sigterm()
    port, http = said.port, said.port + 1
    attacks: list[tuple[str, Callable[[int], Iterator[bytes]], int]] = [
        ("a flood", noise, said.datagrams),
        ("half-open", partial(copies, FORGED), said.requests),
        ("half-open, no options", partial(copies, FORGED_PLAIN), said.requests),
    ]
    with TemporaryDirectory(prefix="lifeguard-tftp-") as folder:
        work, root = Path(folder), Path(folder) / "root"
        root.mkdir()
        (root / "kernel").write_bytes(os.urandom(2**22))
        daemon = lifeguard(work, root, port, http)
        with (
            Running(daemon, root, work / "log") as running,
            ProcessPoolExecutor(1, get_context("spawn")) as forgers,
        ):
            wait_for(http)
            print(_HEAD)
            watched("quiet", running, http, forgers.submit(rest, QUIET))
            for name, datagrams, count in attacks:
                underway = forgers.submit(attack, port, datagrams, count)
                watched(name, running, http, underway)


if __name__ == "__main__":
    main()
