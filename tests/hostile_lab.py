"""A lab for strangers to attack: a real daemon, and relay boards that lie to it."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from signal import SIGKILL
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any, NamedTuple

from lifeguard.netboot.tokens import Tokens
from lifeguard.wire.proxr import Dialect
from tests.hostile import Liar, Target
from tests.process_lab import Child, ProcessLab, until

HERE = "127.0.0.1"

LIARS = 16
"""Relay boards that lie, each with one board."""

_LIARS = """
[hardware.liar]
health = []
[hardware.liar.states.RebootRebooting]
timeout = 0.5
attempts = 100000
[hardware.liar.states.RebootComplete]
timeout = 0.5
attempts = 100000
"""

_LIAR = """
[relay_boards.{name}]
driver = "proxr"
address = "127.0.0.1:{port}"
off_seconds = 0.1
dialect = "{dialect}"
[boards.{name}]
mac = "06:00:00:00:00:{number:02x}"
hardware = "liar"
power = "{name}/1/1"
"""


class LyingRelayBoard(ThreadingTCPServer):
    """A `Liar` on a port of its own, who sometimes takes his time."""

    daemon_threads = True

    def __init__(self, number: int) -> None:
        super().__init__((HERE, 0), _Conversation)
        self.name, self._number = f"liar-{number:02}", number
        self._dialect: Dialect = "advanced" if number % 2 else "classic"
        self._random, self._closing = Random(self.name), Event()
        self.liar = Liar(self._random, self._dialect)

    @property
    def inventory_text(self) -> str:
        return _LIAR.format(
            name=self.name,
            number=self._number,
            port=self.server_address[1],
            dialect=self._dialect,
        )

    def answer(self, packet: bytes) -> list[bytes]:
        if not self.liar.honest and self._random.random() < 0.02:
            self._closing.wait(6)  # longer than any request may take
        return self.liar.answer(packet)

    def stop(self) -> None:
        self._closing.set()
        self.shutdown()
        self.server_close()


class _Conversation(BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, LyingRelayBoard)
        with suppress(OSError):
            while packet := self.request.recv(64):
                for piece in self.server.answer(packet):
                    self.request.sendall(piece)


class Figures(NamedTuple):
    """What the daemon has taken of its machine."""

    memory: int
    """Bytes that are resident."""
    descriptors: int
    """But for those of the database, whose pool opens as many as it has use for."""


class HostileLab(ProcessLab):
    """Two simulated boards, a daemon that wants tokens, and the boards of the liars."""

    def __init__(self, directory: Path, relay_boards: list[LyingRelayBoard]) -> None:
        super().__init__(directory, "--boards", "2")
        self.liars = [one.liar for one in relay_boards]
        self._liars = [one.name for one in relay_boards]
        settings, inventory = directory / "lifeguard.toml", directory / "boards.toml"
        text = settings.read_text()
        settings.write_text(text.replace("[http]", "[http]\nrequire_token = true"))
        parts = [
            inventory.read_text(),
            _LIARS,
            *(one.inventory_text for one in relay_boards),
        ]
        inventory.write_text("\n".join(parts))
        tftp = re.search(r"\[tftp\][^[]*\nport = (\d+)", text)
        assert tftp is not None
        self.tftp = (HERE, int(tftp[1]))
        self.http = (HERE, int(self.url.rpartition(":")[2]))

    def start(self) -> Child:
        """As its parent does, with the log in files: nobody reads it meanwhile."""
        self.daemon = Child(
            Path(sys.executable).with_name("twistd"),
            "--nodaemon",
            "--pidfile=",
            f"--logfile={self.directory / 'daemon.log'}",
            "lifeguard",
            "--config",
            self.directory / "lifeguard.toml",
        )
        until(lambda: "http listens on" in self.log())
        return self.daemon

    def headers(self) -> dict[str, str]:
        """As the operator."""
        return super().headers() | {"Authorization": f"Bearer {self.operator_token}"}

    @property
    def operator_token(self) -> str:
        return (self.directory / "operator.token").read_text().strip()

    def target(self) -> Target:
        """The first board, with the token of its present boot."""
        ((key, generation),) = self._select("""
            SELECT token_key, generation FROM daemon, boards WHERE board = 'sim-01'
        """)
        return Target(
            path="/api/v1/boards/sim-01/events/",
            boot_token=Tokens(key).token("sim-01", generation),
            operator_token=self.operator_token,
        )

    def rows(self) -> list[Any]:
        """The history of the simulated boards, but for the operator's part.

        A request that was torn may still be the operator's, and leave its row.
        """
        return self._select("""
            SELECT id, board, event, source, outcome, to_state, reason, count
            FROM history
            WHERE board LIKE 'sim-%' AND source != 'operator token' ORDER BY id
        """)

    def _select(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.directory / "lifeguard.sqlite")) as database:
            return database.execute(statement).fetchall()

    def log(self) -> str:
        """All that the daemon has logged, over all files that it has filled."""
        files = self.directory.glob("daemon.log*")
        return "".join(file.read_text(errors="replace") for file in files)

    def figures(self) -> Figures:
        assert self.daemon is not None
        process = Path(f"/proc/{self.daemon.process.pid}")
        memory = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
        assert memory is not None
        others = [name for name in _opened(process) if "lifeguard.sqlite" not in name]
        return Figures(int(memory[1]) * 1024, len(others))

    def wait_until_hung_up(self) -> None:
        """The connections to the relay boards are closed when they are not needed."""
        until(lambda: not any(one["connected"] for one in self._relay_boards()))

    def reimage(self) -> None:
        """Both simulated boards, until they are Ready."""
        for board in ("sim-01", "sim-02"):
            path = f"/api/v1/boards/{board}/events/rq-reimage"
            status, answer = self.ask(path, {"image": "debian"})
            assert (status, answer["state"]) == (200, "ReimageRebooting")
        until(lambda: self._sim_states() == {"Ready"})

    def reboot_liars(self) -> None:
        """For ever: none of their boards ever says that it is up."""
        for board in self._liars:
            status, _ = self.ask(f"/api/v1/boards/{board}/events/rq-reboot", {})
            assert status == 200

    def heal_liars(self) -> None:
        """The relay boards tell the truth, and their boards are left alone."""
        for liar in self.liars:
            liar.honest = True
        for board in self._liars:
            until(partial(self._is_put_aside, board))
        until(lambda: not any(one["owed"] for one in self._relay_boards()))

    def kill(self) -> None:
        for child in (self.daemon, self.simulator):
            if child is not None:
                child.end(SIGKILL)

    def _is_put_aside(self, board: str) -> bool:
        # In any other state its power might be off, and on again only after a while.
        change = {"from": "RebootComplete", "to": "Troubleshooting"}
        status, _ = self.ask(f"/api/v1/boards/{board}/state", change)
        return status == 200

    def _sim_states(self) -> set[str]:
        return {state for name, state in self.states().items() if "sim" in name}

    def _relay_boards(self) -> list[dict[str, Any]]:
        _, answer = self.ask("/api/v1/relay-boards")
        boards: list[dict[str, Any]] = answer["relay_boards"]
        return boards


def _opened(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            yield os.readlink(descriptor)


@contextmanager
def hostile_lab(directory: Path) -> Iterator[HostileLab]:
    """A lab whose processes, servers and threads are all gone afterwards."""
    with ExitStack() as left:
        relay_boards = [LyingRelayBoard(number) for number in range(1, LIARS + 1)]
        for one in relay_boards:
            left.callback(one.stop)
            Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
        lab = HostileLab(directory, relay_boards)
        left.callback(lab.kill)
        lab.start()
        yield lab
