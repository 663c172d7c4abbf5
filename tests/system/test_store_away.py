"""The real daemon whose database goes away: nothing is begun, and all goes on after.

`LIFEGUARD_OUTAGE` is how many seconds it stays away, 8 unless said: longer than any
transaction may take, and than any timeout of a simulated board.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import pytest

from lifeguard.simulator.plan import plan_boards
from tests.postgres import Server, own_server
from tests.process_lab import LIMIT, ProcessLab, process_lab, until

from .kills_driver import Asked
from .kills_evidence import Evidence, read_log

pytestmark = pytest.mark.system

OUTAGE = float(os.environ.get("LIFEGUARD_OUTAGE", "8"))
KNOWN_SECONDS = 6.0
"""The first one that asks is answered within this, and those after it at once."""
AT_ONCE = 0.5
"""Half of the shortest wait for a store, SQLite's for a lock: nobody has waited."""
BACK_SECONDS = 2.0
STOP_SECONDS = 30.0

BOARDS = 5
DEAD = "sim-05"
"""Never leaves its boot loader: power-cycled every 4 s, while there is a store."""
IDLE, BUSY = "sim-01", "sim-02"
HEALTHY = [board.name for board in plan_boards(BOARDS) if board.name != DEAD]
ADDRESS = plan_boards(BOARDS)[0].address
BOARD = f"/api/v1/boards/{IDLE}"
EVENT = f"{BOARD}/events/image-running"


# Ways in which a database goes away.


class Outage(Protocol):
    """What happens to a database, and how it ends."""

    url: str

    def begin(self) -> None: ...

    def end(self) -> None:
        """Returns when the database would serve anybody."""


class Stopped:
    """PostgreSQL ends, and another server starts."""

    def __init__(self, server: Server) -> None:
        self.url, self.begin, self.end = server.url(), server.stop, server.start


class Silent:
    """PostgreSQL accepts connections and says nothing."""

    def __init__(self, server: Server) -> None:
        self.url, self.begin, self.end = server.url(), server.pause, server.go_on


class Locked:
    """Another process writes to SQLite's file, and does not come to an end."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "lifeguard.sqlite"
        self.url = f"sqlite:///{self._file}"
        self._connection: sqlite3.Connection | None = None

    def begin(self) -> None:
        self._connection = sqlite3.connect(self._file, isolation_level=None)
        self._connection.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        assert self._connection is not None
        self._connection.close()


class Full:
    """Nothing more can be written where SQLite's file is."""

    def __init__(self, directory: Path) -> None:
        self._ballast = directory / "ballast"
        self.url = f"sqlite:///{directory}/lifeguard.sqlite"

    def begin(self) -> None:
        with self._ballast.open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def end(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(directory)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.fixture(scope="module", params=["stopped", "silent", "locked", "full"])
def outage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outage]:
    """One that has not begun, or is over."""
    directory = tmp_path_factory.mktemp("store")
    match request.param:
        case "stopped":
            with own_server() as server:
                yield Stopped(server)
        case "silent":
            with own_server() as server:
                yield Silent(server)
        case "locked":
            yield Locked(directory)
        case _:
            with small_disk(directory / "disk") as disk:
                yield Full(disk)


# A lab, and who uses it.


class Answer(NamedTuple):
    status: int
    retry_after: str | None
    seconds: float
    body: Any

    @property
    def is_refusal(self) -> bool:
        """Nothing is acknowledged, and it may be asked again."""
        return (self.status, self.retry_after) == (503, "1")


class BusyLab:
    """Boards that can be Ready, and one that is cycled again and again."""

    def __init__(self, lab: ProcessLab) -> None:
        self._lab = lab
        self.daemon = lab.start()
        self._asked = {board: Asked() for board in [*HEALTHY, DEAD]}
        for board in self._asked:
            assert self.reimage(board).status == 200

    def begin_to_install(self) -> None:
        """One board, when the others are Ready."""
        self.wait_until_ready()
        self.daemon.read_for(0.1)  # what it has said of that
        assert self.reimage(BUSY).status == 200
        self.daemon.wait_for(f"{BUSY}: ReimageBooting -- installer-running")

    def ask(self, method: str, path: str, body: str | None = None) -> Answer:
        """As the idle board itself, which needs no token."""
        began = time.monotonic()
        netloc, source = urlsplit(self._lab.url).netloc, (ADDRESS, 0)
        with closing(HTTPConnection(netloc, None, LIMIT, source)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            told = json.loads(response.read())
        retry_after = response.getheader("Retry-After")
        return Answer(response.status, retry_after, time.monotonic() - began, told)

    def reimage(self, board: str = IDLE) -> Answer:
        path, asked = f"/api/v1/boards/{board}/events/rq-reimage", self._asked[board]
        answer = self.ask("POST", path, '{"image": "debian"}')
        if answer.status != 200:
            asked.unanswered += 1
        elif answer.body.get("repeat"):
            asked.repeated += 1
        else:
            asked.accepted.append(answer.body["generation"])
        return answer

    def wait_until_ready(self) -> None:
        """All boards but the dead one, and so they are in truth."""
        until(lambda: {self._lab.states()[board] for board in HEALTHY} == {"Ready"})
        until(lambda: {self._lives()[board]["runs"] for board in HEALTHY} == {"system"})

    def threads(self) -> int:
        """How many the daemon has, when all have begun that ever need to."""
        with ThreadPoolExecutor(20) as readers:
            readings = readers.map(self.ask, ["GET"] * 60, [f"{BOARD}/history"] * 60)
            assert {reading.status for reading in readings} == {200}
        return len(list(Path(f"/proc/{self.daemon.process.pid}/task").iterdir()))

    def cycles(self) -> int:
        """How often a relay has cut a board's power."""
        return (self._lab.directory / "relays.log").read_text().count(" on\n")

    def powerless(self) -> list[str]:
        return [name for name, life in self._lives().items() if life["power"] != "on"]

    def wrong(self) -> list[str]:
        """What boards and people were told, and is not so."""
        text = (self._lab.directory / "simulator.log").read_text()
        logs, lives = read_log(text, plan_boards(BOARDS)), self._lives()
        return [
            f"{board}: {wrong}"
            for board in HEALTHY
            for wrong in Evidence(
                expected="Ready",
                state=self._lab.states()[board],
                strikes={},
                life=lives[board],
                asked=self._asked[board],
                log=logs[board],
                history=self._lab.history(board),
            ).wrong()
        ]

    def _lives(self) -> dict[str, dict[str, Any]]:
        return self._lab.boards()


@pytest.fixture(scope="module")
def whole_lab(
    tmp_path_factory: pytest.TempPathFactory, outage: Outage
) -> Iterator[BusyLab]:
    """One for both tests: it takes longer to set up than an outage lasts."""
    arguments = ("--boards", f"{BOARDS}", "--dead", f"{DEAD}=loader")
    database = ("--database", outage.url)
    directory = tmp_path_factory.mktemp("lab")
    with process_lab(directory, *arguments, *database) as lab:
        yield BusyLab(lab)


@pytest.fixture
def lab(whole_lab: BusyLab) -> BusyLab:
    """One board installs."""
    whole_lab.begin_to_install()
    return whole_lab


def test_nothing_begins_without_a_store_and_all_goes_on_with_its_return(
    lab: BusyLab, outage: Outage
) -> None:
    threads = lab.threads()
    outage.begin()
    over = time.monotonic() + OUTAGE
    first = lab.reimage()
    assert first.is_refusal
    assert first.seconds < KNOWN_SECONDS
    cycles = lab.cycles()
    while time.monotonic() < over:
        for refused in (lab.reimage(), lab.ask("POST", EVENT)):
            assert refused.is_refusal
            assert refused.seconds < AT_ONCE
        for path in ("/api/v1/boards", BOARD, "/api/v1/relay-boards"):
            assert lab.ask("GET", path).status == 200
        lab.daemon.read_for(0.3)
    assert lab.cycles() == cycles

    outage.end()
    until(lambda: lab.reimage().status == 200, BACK_SECONDS)
    lab.wait_until_ready()
    lab.daemon.wait_for(f"{DEAD}: ReimageBooting -- timeout --> ")
    assert lab.wrong() == []
    assert lab.threads() == threads


def test_lifeguard_ends_without_a_store_and_leaves_no_board_off(
    lab: BusyLab, outage: Outage
) -> None:
    cycles = lab.cycles()
    assert lab.reimage().status == 200
    until(lambda: lab.cycles() > cycles)
    outage.begin()
    assert lab.reimage(BUSY).is_refusal
    assert lab.daemon.end(signal.SIGTERM, STOP_SECONDS) == -signal.SIGTERM
    until(lambda: not lab.powerless())
    outage.end()
