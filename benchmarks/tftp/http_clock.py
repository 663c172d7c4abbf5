"""How long HTTP takes while boards boot: a request 20 times a second, from a thread.

Each has a connection of its own, as the events of boards have. The thread goes before
all else on the load's core, where root may say so: the wait for that core, which the
load fills, is not the server's.
"""

from __future__ import annotations

import http.client
import os
import time
from contextlib import suppress
from statistics import quantiles
from threading import Event, Thread, get_native_id

from benchmarks.tftp.servers import LOADS_CORE

EVERY = 0.05
"""Seconds."""

_BEFORE_ALL = -20  # as `nice` has it


class HttpClock:
    """Asks from `with` on until it ends."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._over = Event()
        self._seconds: list[float] = []
        self._thread = Thread(target=self._run)

    def __enter__(self) -> HttpClock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

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
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
