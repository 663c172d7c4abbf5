"""How long HTTP takes while boards boot: a request 20 times a second, from a thread.

Each has a connection of its own, as the events of boards have: an event is answered
when it is on the disk. The thread goes before all else on the load's core, where root
may say so: the wait for that core, which the load fills, is not the server's.
"""

from __future__ import annotations

import http.client
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle
from statistics import quantiles
from threading import Event, get_native_id
from typing import TYPE_CHECKING

from benchmarks.events import GENERATION, TOKENS
from benchmarks.lab import board_name
from benchmarks.tftp.servers import LOADS_CORE

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERY = 0.05
"""Seconds."""

_BEFORE_ALL = -20  # as `nice` has it


def events(boards: int) -> list[str]:
    """The paths by which so many boards of a lab tell that they are being installed."""
    return [
        f"/api/v1/boards/{name}/events/install-progress"
        f"?token={TOKENS.token(name, GENERATION)}"
        for name in map(board_name, range(boards))
    ]


class HttpClock:
    """Asks for `paths` by turns, from `with` on until it ends; each must be had."""

    def __init__(
        self, host: str, port: int, paths: Sequence[str] = ("/healthz",)
    ) -> None:
        self._host, self._port, self._paths = host, port, cycle(paths)
        self._over = Event()
        self._seconds: list[float] = []
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> HttpClock:
        self._asking = self._thread.submit(self._run)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.shutdown()
        self._asking.result()

    @property
    def p99(self) -> float:
        """Seconds; what one answer in a hundred takes at least."""
        return quantiles(self._seconds, n=100, method="inclusive")[-1]

    def _run(self) -> None:
        os.sched_setaffinity(get_native_id(), {LOADS_CORE})
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _BEFORE_ALL)
        self._ask()  # the first one pays for what is made once
        while not self._over.wait(EVERY):
            began = time.monotonic()
            self._ask()
            self._seconds.append(time.monotonic() - began)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        connection.request("GET", next(self._paths))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"HTTP {answer.status}: {body.decode()}")
