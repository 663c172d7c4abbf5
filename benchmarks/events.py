"""How many events a second are durable over HTTP?

Each event is an `install-progress` of a board that is being installed: the boot token
is checked, the board's row is moved on, a row of history is written, and only when both
are on the disk is the board answered. So many connections are kept open, each with one
event on its way.

There are two peers. One is a Klein route of the same shape (parts of a path, async,
JSON in and out, the token checked) that does nothing, asked by the same client. The
other is the same rows written to the same database by groups of 32, asked by nobody.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from msgspec.structs import replace

from benchmarks.http_load import load
from benchmarks.lab import board_name, write_lab
from benchmarks.process import do_nothing, lifeguard
from benchmarks.report import Figure, arguments, show
from benchmarks.writer import row_of
from lifeguard.model import Change
from lifeguard.netboot.tokens import Tokens
from lifeguard.store import statements
from lifeguard.store.database import Database
from lifeguard.store.group import Ask, write_together
from tests.postgres import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.lab import Lab
    from benchmarks.process import Program
    from benchmarks.report import Run
    from lifeguard.model import Standing

CONNECTIONS = (1, 32, 256)
GROUP = 32
WARM_UP_SECONDS = 0.5
GENERATION = 3
TOKENS = Tokens(bytes(32))
"""Of every board in a lab of these benchmarks."""

GOALS = {1: "", 32: "0.6; 0.4 PostgreSQL", 256: "0.5; 0.4 PostgreSQL"}

FIGURES = (
    Figure("group commits", "/s"),
    *(
        figure
        for number in CONNECTIONS
        for figure in (
            Figure(f"{number}: do nothing", "/s"),
            Figure(f"{number}: durable", "/s", f"{number}: do nothing", GOALS[number]),
            Figure(f"{number}: beside group commits", "/s", "group commits"),
            Figure(f"{number}: median", "ms"),
            Figure(f"{number}: p99", "ms"),
        )
    ),
)


def main() -> None:
    chosen = arguments(__doc__, runs=5, seconds=3, database="sqlite")
    runs = [once(chosen.database, chosen.seconds) for _ in range(chosen.runs)]
    show(FIGURES, runs)


def once(kind: str, seconds: float) -> Run:
    with ExitStack() as opened:
        directory = Path(opened.enter_context(TemporaryDirectory()))
        url = None
        if kind == "postgresql":
            server = Server(settings=())
            opened.callback(server.close)
            url = server.url()
        states = ("ReimageInstalling",)
        lab = write_lab(
            directory / "lab", max(CONNECTIONS), states=states, database=url
        )
        durable = answered(lifeguard, lab, seconds)
        nothing = answered(do_nothing, lab, seconds)
        commits = group_commits(lab, seconds)
    return {"group commits": commits} | {
        f"{number}: {name}": figure
        for number in CONNECTIONS
        for name, figure in (
            ("do nothing", nothing[number][0]),
            ("durable", durable[number][0]),
            ("beside group commits", durable[number][0]),
            ("median", durable[number][1] * 1000),
            ("p99", durable[number][2] * 1000),
        )
    }


def answered(
    start: Callable[[Lab], Program], lab: Lab, seconds: float
) -> dict[int, tuple[float, float, float]]:
    """For each number of connections: answers a second, their median and p99."""
    address = ("127.0.0.1", lab.http)
    with start(lab) as program:
        program.answers("/")
        load(address, requests(GROUP), WARM_UP_SECONDS)
        return {
            number: load(address, requests(number), seconds) for number in CONNECTIONS
        }


def requests(connections: int) -> Sequence[bytes]:
    """One for each connection, each of a board of its own."""
    return [
        f"POST /api/v1/boards/{name}/events/install-progress"
        f"?token={TOKENS.token(name, GENERATION)} HTTP/1.1\r\n"
        "Host: lifeguard\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}".encode()
        for name in map(board_name, range(connections))
    ]


def group_commits(lab: Lab, seconds: float) -> float:
    """Changes a second, written by 32 in a transaction and by nothing else."""
    database, made = Database(lab.database), 0
    standings = list(database.run(statements.load).standings.values())[:GROUP]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        standings = list(map(moved_on, standings))
        asks = list(map(asked, standings))
        database.run(partial(write_together, asks=asks))
        made += GROUP
    database.close()
    return made / seconds


def moved_on(standing: Standing) -> Standing:
    return replace(standing, version=standing.version + 1)


def asked(standing: Standing) -> Ask[Change]:
    return Ask(statements.commit, Change(after=standing, row=row_of(standing)))


if __name__ == "__main__":
    main()
