"""`python -m benchmarks.tftp.abandoned`: what transfers take that nobody ends.

The daemon's cache is filled by a file that is larger. Then boards, each with an address
of its own, fetch some blocks and fall silent; the daemon gives up on them after a
minute. Shown is its memory with a full cache, with all the transfers open, and after:
what the system counts, and the blocks that are in use, for Python keeps what is empty
for the next transfers. So there is a second time; and a bare Python that makes as much
and drops it is the peer.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.report import arguments
from benchmarks.tftp.counted import blocks, counted
from benchmarks.tftp.hostile import handles, memory, wait_for
from benchmarks.tftp.servers import HOST, Running, end_by_sigterm, lifeguard
from lifeguard.netboot.tftp_server import CACHE
from lifeguard.netboot.transfer import PATIENCE
from lifeguard.wire.tftp import Ack, Data, Rrq, parse

BLOCK = 1468
BLOCKS = 10
"""Blocks that each board has when it falls silent."""

IMAGE = CACHE + 32 * 2**20
"""Bytes of the file."""

GIVEN_UP = PATIENCE + 5.0
_ANSWER = 5.0  # seconds, by which any packet has come


class Board:
    """A client in lockstep, with the `number`-th address."""

    def __init__(self, number: int, port: int) -> None:
        self._server = HOST, port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((f"127.3.{number // 250}.{number % 250 + 1}", 0))
        self._socket.settimeout(_ANSWER)

    def fetch(self, name: str, blocks: int) -> None:
        """So many blocks, or all if there are fewer; the last is not acknowledged."""
        request = Rrq(name, "octet", (("blksize", str(BLOCK)),))
        self._socket.sendto(bytes(request), self._server)
        datagram, transfer = self._socket.recvfrom(BLOCK + 4)
        self._socket.connect(transfer)
        for block in range(blocks):
            self._socket.send(bytes(Ack(block & 0xFFFF)))
            datagram = self._socket.recv(BLOCK + 4)
            if len(datagram) < BLOCK + 4:
                break
        assert isinstance(parse(datagram), Data)

    def close(self) -> None:
        self._socket.close()


class Held(NamedTuple):
    """What the daemon has."""

    mib: float
    blocks: int
    handles: int


class Daemon:
    """One that is running, and says to `told` how many blocks it has."""

    def __init__(self, running: Running, told: Path) -> None:
        self._running = running
        self._told = told

    def held(self) -> Held:
        # First what the system counts: to say the blocks gives some of them back.
        mib = memory(self._running)
        return Held(mib, blocks(self._running, self._told), handles(self._running))

    def settle(self, handles_before: int) -> None:
        """Return as soon as all transfers are given up."""
        until = time.monotonic() + GIVEN_UP
        while handles(self._running) > handles_before and time.monotonic() < until:
            time.sleep(0.2)


def abandon(daemon: Daemon, transfers: int, port: int) -> None:
    """Print what so many transfers took, and what is left of that."""
    before = daemon.held()
    boards = [Board(number, port) for number in range(transfers)]
    for board in boards:
        board.fetch("kernel", BLOCKS)
    during = daemon.held()
    daemon.settle(before.handles)
    after = daemon.held()
    kib = (during.mib - before.mib) * 1024 / transfers
    each = (during.blocks - before.blocks) / transfers
    print(
        f"{transfers} transfers underway: {during.mib:.1f} MiB,"
        f" {kib:.1f} KiB and {each:.1f} blocks each"
    )
    print(
        f"all given up: {after.mib:.1f} MiB, {after.mib - before.mib:.1f} more than"
        f" before, {after.handles - before.handles} handles,"
        f" {after.blocks - before.blocks} blocks of {before.blocks}",
        flush=True,
    )
    for board in boards:
        board.close()


def main() -> None:
    said = arguments(__doc__, transfers=1000, port=16980)
    end_by_sigterm()
    with TemporaryDirectory(prefix="lifeguard-tftp-") as folder:
        work, root = Path(folder), Path(folder) / "root"
        root.mkdir()
        (root / "kernel").write_bytes(os.urandom(IMAGE))
        told = work / "blocks"
        server = counted(lifeguard(work, root, said.port, said.port + 1), told)
        with Running(server, root, work / "log") as running:
            daemon = Daemon(running, told)
            wait_for(said.port + 1)
            print(f"nothing cached: {daemon.held().mib:.1f} MiB")
            first = Board(said.transfers, said.port)
            first.fetch("kernel", IMAGE // BLOCK + 1)
            first.close()
            time.sleep(1.0)  # the daemon hears that the port is closed
            print(f"a full cache of {CACHE >> 20} MiB: {daemon.held().mib:.1f} MiB")
            for _ in range(2):
                abandon(daemon, said.transfers, said.port)
    peer = [sys.executable, "-m", "benchmarks.tftp.dropped", str(said.transfers)]
    subprocess.run(peer, check=True)


if __name__ == "__main__":
    main()
