"""A simulated lab and a real daemon, each a process, for the few tests that need it.

Nothing here sleeps: a test waits for a line that a process writes, or for a file to
say what it should, and fails after a limit.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
LIMIT = 60.0
"""Seconds that anything waited for may take on a slow machine."""


def obey_interrupts() -> None:
    """A shell has what it starts in the background ignore them, tests as well."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Process:
    """A command whose output is read line by line, and kept; it leads a group."""

    def __init__(
        self, *command: str | Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.lines: list[str] = []
        self._rest = b""
        self.process = subprocess.Popen(
            [*map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env=environment,
            process_group=0,
            preexec_fn=obey_interrupts,
        )

    def wait_for(self, text: str, limit: float = LIMIT) -> str:
        """The next line that contains `text`."""
        deadline = time.monotonic() + limit
        while (line := self._next_line(deadline)) is not None:
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in:\n" + "\n".join(self.lines[-40:]))

    def read_for(self, seconds: float) -> None:
        """Read what it prints for so long: a full pipe would hold it up."""
        deadline = time.monotonic() + seconds
        while self._next_line(deadline) is not None:
            pass

    def end(self, number: int = signal.SIGTERM, limit: float = LIMIT) -> int:
        """Send a signal; the exit status, when all output has been read."""
        self.process.send_signal(number)
        return self.leave(limit)

    def leave(self, limit: float = LIMIT) -> int:
        """The exit status, when the process has ended by itself."""
        if self.process.returncode is not None:
            return self.process.returncode
        deadline = time.monotonic() + limit
        while self._next_line(deadline) is not None:
            pass
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _next_line(self, deadline: float) -> str | None:
        assert self.process.stdout is not None
        output = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                return None
            data = os.read(output, 65536)
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        self.lines.append(line.decode(errors="replace"))
        return self.lines[-1]


class Child(Process):
    """This Python, which finds lifeguard and the tests."""

    def __init__(self, *arguments: str | Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        super().__init__(sys.executable, *arguments, environment=environment)


def twistd(*arguments: str | Path) -> Child:
    """`twistd lifeguard`, in the foreground."""
    program = Path(sys.executable).with_name("twistd")
    return Child(program, "--nodaemon", "--pidfile=", "lifeguard", *arguments)


class ProcessLab:
    """A simulator that runs on while daemons come and go."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        ports = ("--http-port", "0", "--tftp-port", "0")
        self.simulator = Child(
            "-m", "lifeguard.simulator", directory, *ports, *arguments
        )
        self.simulator.wait_for("simulator: ")
        text = (directory / "lifeguard.toml").read_text()
        self.url = text.split('url = "')[1].split('"')[0]
        self.daemon: Child | None = None

    def launch(self) -> Child:
        """A daemon that has yet to load and to open its ports."""
        self.daemon = twistd("--config", self.directory / "lifeguard.toml")
        return self.daemon

    def start(self) -> Child:
        """A daemon that has opened its ports."""
        daemon = self.launch()
        daemon.wait_for("http listens on")
        return daemon

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """The status and the JSON of an answer; with a body it is a POST."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers())
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def headers(self) -> dict[str, str]:
        """Sent with all that is asked."""
        return {"Content-Type": "application/json"}

    def states(self) -> dict[str, str]:
        """The state of every board."""
        return {board["name"]: board["state"] for board in self.summaries()}

    def summaries(self) -> list[dict[str, Any]]:
        """What the daemon says of every board, in one line each."""
        _, answer = self.ask("/api/v1/boards?limit=1000")
        boards: list[dict[str, Any]] = answer["boards"]
        return boards

    def history(self, board: str) -> list[dict[str, Any]]:
        """A board's history, oldest first."""
        path = f"/api/v1/boards/{board}/history?limit=1000"
        _, page = self.ask(path)
        rows: list[dict[str, Any]] = page["history"]
        while page["next"] is not None:
            _, page = self.ask(f"{path}&before={page['next']}")
            rows += page["history"]
        return rows[::-1]

    def reimage_all(self) -> None:
        for board in self.states():
            status, answer = self.ask(
                f"/api/v1/boards/{board}/events/rq-reimage", {"image": "debian"}
            )
            assert status == 200, answer

    def wait_until_all(self, state: str, limit: float = LIMIT) -> None:
        """Read the daemon's lines until all boards are in `state`."""
        assert self.daemon is not None
        deadline = time.monotonic() + limit
        while set(self.states().values()) != {state}:
            self.daemon.wait_for(f"--> {state}", deadline - time.monotonic())

    def boards(self) -> dict[str, dict[str, Any]]:
        """What the simulated boards really do, whatever the daemon believes."""
        text = (self.directory / "boards.json").read_text()
        boards: dict[str, dict[str, Any]] = json.loads(text)["boards"]
        return boards


def child_of(process: int) -> int:
    """The number of its youngest child; 0, which is nobody's, while there is none."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return 0
    return int(children[-1]) if children else 0


def until(condition: Callable[[], bool], limit: float = LIMIT) -> None:
    """Look again and again at what no process tells."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        select.select([], [], [], 0.01)


@contextmanager
def process_lab(directory: Path, *arguments: str) -> Iterator[ProcessLab]:
    """A lab whose processes are all gone afterwards."""
    lab = ProcessLab(directory, *arguments)
    try:
        yield lab
    finally:
        for child in (lab.daemon, lab.simulator):
            if child is not None:
                child.end(signal.SIGKILL)
