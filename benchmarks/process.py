"""A program of its own, watched from outside: its answers, its time, its memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from benchmarks.lab import Lab

REPOSITORY = Path(__file__).parents[1]

LIMIT = 60.0
"""Seconds that a program may take for its first answer."""

_TICKS = os.sysconf("SC_CLK_TCK")


class Program:
    """A program that serves HTTP; killed when it is left."""

    def __init__(self, port: int, directory: Path, *command: str | Path) -> None:
        self._port = port
        self._started = time.monotonic()
        self._log = directory / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=directory,
                env=_environment(directory),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def answers(self, path: str) -> float:
        """Seconds from its start to its first answer at `path`."""
        while self._process.poll() is None and self._age() < LIMIT:
            with suppress(ConnectionError):
                self.get(path)
                return self._age()
            time.sleep(0.002)
        raise RuntimeError(f"no answer:\n{self._log.read_text()[-2000:]}")

    def get(self, path: str) -> bytes:
        """The body of an answer, on a connection of its own."""
        connection = self.connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)

    def cpu_seconds(self) -> float:
        """What it has used of all cores so far."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS

    def memory(self) -> int:
        """Bytes of its own, and its share of what it has in common with others."""
        rollup = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        return int(rollup.split("\nPss:")[1].split()[0]) * 1024

    def _age(self) -> float:
        return time.monotonic() - self._started


def lifeguard(lab: Lab) -> Program:
    """The daemon, as users start it."""
    options = ("lifeguard", "--config", lab.configuration)
    return Program(lab.http, lab.directory, *twistd(), *options)


def empty_site(lab: Lab) -> Program:
    """A twistd that has imported what lifeguard needs, and has nothing to do."""
    listen = f"--listen=tcp:{lab.http}:interface=127.0.0.1"
    site = ("web", listen, "--class=benchmarks.empty.Empty", "--notracebacks")
    return Program(lab.http, lab.directory, *twistd(), *site)


def do_nothing(lab: Lab) -> Program:
    """A Klein site whose one route is like that of an event, and stores nothing."""
    module = ("-m", "benchmarks.do_nothing", str(lab.http))
    return Program(lab.http, lab.directory, sys.executable, *module)


def twistd() -> tuple[Path, str, str]:
    """In the foreground."""
    return Path(sys.executable).with_name("twistd"), "--nodaemon", "--pidfile="


def _environment(directory: Path) -> dict[str, str]:
    """One in which, as for any user, the second start finds what the first compiled."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONPYCACHEPREFIX": str(directory.parent / "compiled"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
