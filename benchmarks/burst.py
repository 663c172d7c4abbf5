"""10,000 timeouts due in the same instant: how long until all are durable.

The peer is SQLAlchemy Core alone, which writes the same rows, made ready beforehand,
into a copy of the same database in one transaction. Meanwhile a timer that is due
every 2 ms tells how long the reactor's turns are; its idle control is the same timer
before the burst.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, update
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from benchmarks.fleet import InstantProbes, log_to, stand
from benchmarks.lab import SAVED_SECONDS, write_lab
from benchmarks.report import Figure, arguments, percentile, show
from lifeguard.board import GRACE_SECONDS
from lifeguard.store.database import Database
from lifeguard.store.rows import (
    from_evidence,
    from_numbered,
    from_owed,
    from_standing,
)
from lifeguard.store.schema import boards as boards_table
from lifeguard.store.schema import evidence, history, owed_outlets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from twisted.internet.interfaces import IReactorTime

    from benchmarks.lab import Lab
    from benchmarks.report import Run
    from lifeguard.model import Change

FIGURES = (
    Figure("Core alone", "s"),
    Figure("until all are durable", "s", peer="Core alone", goal="3.0 times"),
    Figure("the longest turn, idle", "ms"),
    Figure("99 of 100 turns, idle", "ms"),
    Figure("the longest turn", "ms", peer="the longest turn, idle"),
    Figure("99 of 100 turns", "ms", peer="99 of 100 turns, idle", goal="25 ms"),
)

QUIET_SECONDS = GRACE_SECONDS + 2
"""From the start until the timeouts are due."""

IDLE_SECONDS = 1.0
"""At the end of it, the idle control."""

PERIOD_SECONDS = 0.002


class Turns:
    """A timer that is always due soon; how much later it comes are the turns."""

    def __init__(self, clock: IReactorTime) -> None:
        self.lengths: list[float] = []
        self._clock = clock
        self._wait()

    def stop(self) -> list[float]:
        """The lengths in milliseconds."""
        self._call.cancel()
        return [length * 1000 for length in self.lengths]

    def _wait(self) -> None:
        self._due = self._clock.seconds() + PERIOD_SECONDS
        self._call = self._clock.callLater(PERIOD_SECONDS, self._come)

    def _come(self) -> None:
        self.lengths.append(self._clock.seconds() - self._due)
        self._wait()


class Count:
    """Hears every change; `all_made` fires at the last of so many."""

    def __init__(self, expected: int) -> None:
        self.changes: list[Change] = []
        self.all_made: Deferred[None] = Deferred()
        self._expected = expected

    def __call__(self, change: Change) -> None:
        self.changes.append(change)
        if len(self.changes) == self._expected:
            self.all_made.callback(None)


async def main(reactor: Any) -> None:
    chosen = arguments(__doc__, runs=5, boards=10_000)
    reactor.seconds = time.monotonic
    with TemporaryDirectory() as name:
        log_to(Path(name, "log"))
        runs = [
            await once(reactor, Path(name, str(number)), chosen.boards)
            for number in range(chosen.runs)
        ]
    show(FIGURES, runs)


async def once(reactor: Any, directory: Path, boards: int) -> Run:
    left = (QUIET_SECONDS, QUIET_SECONDS)
    lab = write_lab(directory, boards, states=("RebootComplete",), seconds_left=left)
    copy = lab._replace(database=f"sqlite:///{directory}/copy/lifeguard.sqlite")
    shutil.copytree(lab.directory, directory / "copy")
    standing = await stand(reactor, lab, InstantProbes())
    due = (
        reactor.seconds() + SAVED_SECONDS + QUIET_SECONDS - standing.service_time.now()
    )
    count = Count(boards)
    standing.fleet.subscribe(count)
    await deferLater(reactor, due - reactor.seconds() - IDLE_SECONDS)
    turns = Turns(reactor)
    await deferLater(reactor, due - reactor.seconds() - PERIOD_SECONDS)
    idle, turns = turns.stop(), Turns(reactor)
    await count.all_made
    seconds, busy = reactor.seconds() - due, turns.stop()
    await standing.stop()
    return {
        "Core alone": core_alone(copy, count.changes),
        "until all are durable": seconds,
        "the longest turn, idle": max(idle),
        "99 of 100 turns, idle": percentile(idle, 0.99),
        "the longest turn": max(busy),
        "99 of 100 turns": percentile(busy, 0.99),
    }


def core_alone(lab: Lab, changes: Sequence[Change]) -> float:
    """Seconds for the rows of these changes, in one transaction."""
    moved = [
        {**row, "of_board": row["board"], "version_before": row["version"] - 1}
        for row in (from_standing(change.after) for change in changes)
    ]
    lines = [from_numbered(change.row) for change in changes]
    owed = [from_owed(one) for change in changes for one in change.owed]
    said = [from_evidence(each.evidence) for each in changes if each.evidence]
    move = update(boards_table).where(
        boards_table.c.board == bindparam("of_board"),
        boards_table.c.version == bindparam("version_before"),
    )

    def write(connection: Connection) -> None:
        connection.execute(move, moved)
        connection.execute(insert(history), lines)
        connection.execute(insert(owed_outlets), owed)
        connection.execute(insert(evidence), said)

    database = Database(lab.database)
    database.run(lambda connection: None)
    began = time.perf_counter()
    database.run(write)
    seconds = time.perf_counter() - began
    database.close()
    return seconds


if __name__ == "__main__":
    react(main)
