"""Ten thousand requests in the name of others: what they get, and boards still boot.

All of 127/8 is this machine, so that one socket can ask from any address of it, and
hears what is sent there.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lifeguard.netboot.admission import MOST_OF_STRANGERS
from lifeguard.netboot.transfer import COPIES
from lifeguard.wire.tftp import Error, Oack, Rrq, Wrq, parse
from tests.hostile_lab import hostile_lab
from tests.process_lab import LIMIT, until

pytestmark = pytest.mark.system

FORGED = 10_000
OPTIONS = (("tsize", "0"), ("blksize", "1468"), ("windowsize", "64"))
REQUEST = bytes(Rrq("debian/kernel", "octet", OPTIONS))
WRITING = bytes(Wrq("debian/kernel", "octet"))
EACH = 20 * 2**10
"""Bytes that a transfer may take."""

_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8
_PACKET_INFO = struct.Struct("=i4s4s")


class Forger:
    """Asks in the name of others; `heard` is what each of them was sent."""

    def __init__(self, server: tuple[str, int], handle: socket.socket) -> None:
        self._server, self._handle = server, handle
        self.heard: defaultdict[bytes, Counter[bytes]] = defaultdict(Counter)

    def ask(self, count: int) -> None:
        """From so many addresses, a hundred more when those before are taken."""
        for number in range(count):
            place = bytes((127, 200, number >> 8, number & 255))
            info = _PACKET_INFO.pack(0, place, bytes(4))
            ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, info)]
            self._handle.sendmsg([REQUEST], ancillary, 0, self._server)
            if number % 100 == 0:
                self._wait_until_taken()
                self.listen()

    def _wait_until_taken(self) -> None:
        """What came to the port before is done when a request to write is refused."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.settimeout(LIMIT)
            own.sendto(WRITING, self._server)
            assert isinstance(parse(own.recv(2048)), Error)

    def listen(self) -> None:
        """Take what has come."""
        while True:
            try:
                packet, ancillary, _, _ = self._handle.recvmsg(2048, 64)
            except BlockingIOError:
                return
            _, _, place = _PACKET_INFO.unpack(ancillary[0][2])
            self.heard[place][packet] += 1


@contextmanager
def forger(server: tuple[str, int]) -> Iterator[Forger]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 2**23)
        handle.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        handle.setblocking(False)
        handle.bind(("", 0))
        yield Forger(server, handle)


def test_boards_boot_beside_transfers_that_nobody_goes_on_with(tmp_path: Path) -> None:
    with hostile_lab(tmp_path) as lab, forger(lab.tftp) as others:
        before = lab.figures()
        all_open = before.descriptors + MOST_OF_STRANGERS
        others.ask(FORGED)
        until(lambda: lab.figures().descriptors >= all_open)
        lab.reimage()
        beside = lab.figures()
        until(lambda: lab.figures().descriptors < before.descriptors + 50)
        others.listen()
    assert beside.descriptors >= all_open
    assert beside.memory < before.memory + MOST_OF_STRANGERS * EACH
    assert len(others.heard) == MOST_OF_STRANGERS
    [oack] = {packet for packets in others.heard.values() for packet in packets}
    assert isinstance(parse(oack), Oack)
    assert {max(packets.values()) for packets in others.heard.values()} == {COPIES}
