"""A board whose firmware is the test's: it asks from its own address, as firmware does.

The rest of the lab is real: relay boards of the simulator, and a daemon that can be
killed.
"""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from lifeguard.wire.tftp import Ack, Data, Error, Oack, Options, Rrq, parse
from tests.process_lab import ProcessLab, process_lab

BOARD, ADDRESS, MAC = "sim-01", "127.1.0.1", "02:00:00:00:00:01"

Found = bytes | Literal["missing"]


class Firmware:
    """Asks that TFTP server from `ADDRESS`, one request after another."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server

    def load(self, name: str, options: Options = ()) -> Found:
        """A file as it arrives, or "missing" when it is refused."""
        with self._ask(name, options) as (asking, packet, sender):
            if isinstance(packet, Error):
                assert packet.code == 1, packet
                return "missing"
            size = int(dict(options).get("blksize", "512"))
            data = b""
            while True:
                if isinstance(packet, Data):
                    data += packet.payload
                    asking.sendto(bytes(Ack(packet.block)), sender)
                    if len(packet.payload) < size:
                        return data
                else:
                    assert packet == Oack(_granted(packet, options))
                    asking.sendto(bytes(Ack(0)), sender)
                packet = parse(asking.recv(65536))

    def probe(self, name: str, options: Options) -> bool:
        """Whether there is such a file: its OACK is answered with an ERROR."""
        with self._ask(name, options) as (asking, packet, sender):
            if isinstance(packet, Oack):
                asking.sendto(bytes(Error(0, "aborted")), sender)
            return isinstance(packet, Oack)

    @contextmanager
    def _ask(
        self, name: str, options: Options
    ) -> Iterator[tuple[socket.socket, object, tuple[str, int]]]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(10)
            asking.bind((ADDRESS, 0))
            asking.sendto(bytes(Rrq(name, "octet", options)), self._server)
            datagram, sender = asking.recvfrom(65536)
            yield asking, parse(datagram), sender


def _granted(packet: object, options: Options) -> Options:
    """What a server may answer: what was asked, but for the size that it tells."""
    assert isinstance(packet, Oack)
    size = dict(packet.options).get("tsize", "0")
    return tuple((name, size if name == "tsize" else value) for name, value in options)


class System(NamedTuple):
    """What runs on the board, and reports from its address; without a token if None."""

    url: str
    token: str | None = None

    @classmethod
    def of(cls, command_line: str) -> System:
        """As a kernel's command line has it."""
        url, token = re.findall(r"lifeguard\.(?:url|token)=(\S+)", command_line)
        return cls(url, token)

    def report(self, event: str) -> int:
        """The status that an event is answered with."""
        url = urlsplit(f"{self.url}/{event}")
        query = f"?token={self.token}" if self.token else ""
        assert url.hostname is not None
        line = http.client.HTTPConnection(
            url.hostname, url.port, timeout=10, source_address=(ADDRESS, 0)
        )
        try:
            line.request("POST", url.path + query)
            return line.getresponse().status
        finally:
            line.close()


@contextmanager
def firmware_lab(directory: Path) -> Iterator[tuple[ProcessLab, Firmware]]:
    """A lab of one board, whose own firmware hangs; no daemon is started yet."""
    with process_lab(directory, "--boards", "1", "--dead", f"{BOARD}=loader") as lab:
        port = re.search(
            r"port = (\d+)\nroot", (directory / "lifeguard.toml").read_text()
        )
        assert port is not None
        yield lab, Firmware(("127.0.0.1", int(port[1])))


def change(file: Path, *changes: tuple[str, str]) -> None:
    """Put other texts into a file; each was in it."""
    text = file.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)
