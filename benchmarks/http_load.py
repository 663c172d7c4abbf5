"""A load generator: so many keep-alive connections, one request in flight on each.

It is given ready bytes and looks only at the status and the length of an answer, so
that it costs the machine little beside the server that is measured. Any answer but 200
ends the benchmark.
"""

from __future__ import annotations

import selectors
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence


class Load(NamedTuple):
    """What came of it: answers a second, and how long they took, in seconds."""

    rate: float
    median: float
    p99: float


class Connection:
    """One client, which asks again as soon as it is answered."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._received = request, b""
        self._sent = 0.0

    def ask(self) -> None:
        self._sent = time.perf_counter()
        self.socket.sendall(self._request)

    def take(self) -> float | None:
        """How long the answer took in seconds, when it is complete."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data
        if not _is_whole(self._received):
            return None
        if not self._received.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(self._received.decode("latin-1"))
        self._received = b""
        return time.perf_counter() - self._sent


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
    return len(body) >= int(length)


def load(address: tuple[str, int], requests: Sequence[bytes], seconds: float) -> Load:
    """Send each request over and over on a connection of its own, for `seconds`."""
    with selectors.DefaultSelector() as selector:
        clients = [Connection(address, request) for request in requests]
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        answers = _run(selector, time.perf_counter() + seconds)
        for client in clients:
            client.socket.close()
    times = sorted(answers)
    return Load(len(times) / seconds, percentile(times, 0.5), percentile(times, 0.99))


def _run(selector: selectors.DefaultSelector, end: float) -> list[float]:
    answers: list[float] = []
    while time.perf_counter() < end:
        for key, _ in selector.select(1.0):
            answer = key.data.take()
            if answer is not None:
                answers.append(answer)
                key.data.ask()
    return answers
