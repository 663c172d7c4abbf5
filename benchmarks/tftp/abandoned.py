"""`python -m benchmarks.tftp.abandoned`: what transfers take that nobody ends.

The daemon's cache is filled by a file that is larger. Then boards, each with an address
of its own, fetch some blocks and fall silent; the daemon gives up on them after a
minute. Shown is its memory with a full cache, with all the transfers open, and after;
and a second time, for what Python keeps for the next ones is no leak.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import arguments
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


def settled(running: Running, open_before: int) -> float:
    """MiB, as soon as all transfers are given up."""
    until = time.monotonic() + GIVEN_UP
    while handles(running) > open_before and time.monotonic() < until:
        time.sleep(0.2)
    return memory(running)


def abandon(running: Running, transfers: int, port: int) -> None:
    """Print what so many transfers took, and what is left of that."""
    before, open_before = memory(running), handles(running)
    boards = [Board(number, port) for number in range(transfers)]
    for board in boards:
        board.fetch("kernel", BLOCKS)
    during = memory(running)
    after = settled(running, open_before)
    each = (during - before) * 1024 / transfers
    print(f"{transfers} transfers underway: {during:.1f} MiB, {each:.1f} KiB each")
    left = handles(running) - open_before
    print(f"all given up: {after:.1f} MiB, {left} handles more than before", flush=True)
    for board in boards:
        board.close()


def main() -> None:
    said = arguments(__doc__, transfers=1000, port=16980)
    end_by_sigterm()
    with TemporaryDirectory(prefix="lifeguard-tftp-") as folder:
        work, root = Path(folder), Path(folder) / "root"
        root.mkdir()
        (root / "kernel").write_bytes(os.urandom(IMAGE))
        daemon = lifeguard(work, root, said.port, said.port + 1)
        with Running(daemon, root, work / "log") as running:
            wait_for(said.port + 1)
            print(f"nothing cached: {memory(running):.1f} MiB")
            first = Board(said.transfers, said.port)
            first.fetch("kernel", IMAGE // BLOCK + 1)
            first.close()
            time.sleep(1.0)  # the daemon hears that the port is closed
            print(f"a full cache of {CACHE >> 20} MiB: {memory(running):.1f} MiB")
            for _ in range(2):
                abandon(running, said.transfers, said.port)


if __name__ == "__main__":
    main()
