"""Where to commit: in a thread of its own, or in the reactor at the end of its turn?

So many boards are moved on over and over, each as soon as its last change is durable.
The disk is this machine's, and then one whose every commit takes 10 ms more, as a disk
with a slow fsync does. What counts is both the rate, and how long the reactor's turns
are meanwhile: all else waits for those.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred, execute, gatherResults
from twisted.internet.task import deferLater, react

from benchmarks.burst import Turns
from benchmarks.lab import write_lab
from benchmarks.report import Figure, arguments, percentile, show
from lifeguard.model import Change, HistoryRow
from lifeguard.store import SqlStore, WorkerThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.lab import Lab
    from benchmarks.report import Run
    from lifeguard.model import Standing
    from lifeguard.store import Threads

SLOW_SECONDS = 0.01
SECONDS = 2.0

DISKS = {"fast disk": 0.0, "slow disk": SLOW_SECONDS}


class InThread(WorkerThreads):
    """As lifeguard does it, on a disk that takes so many seconds more."""

    def __init__(self, reactor: Any, more: float) -> None:
        super().__init__(reactor)
        self._clock, self._more = reactor, more

    def write(self, function: Callable[[], Any]) -> Deferred[Any]:
        return super().write(lambda: slowed(function, self._more))


class InTurn(InThread):
    """At the end of the reactor's turn."""

    def write(self, function: Callable[[], Any]) -> Deferred[Any]:
        return deferLater(self._clock, 0, slowed, function, self._more)

    def read(self, function: Callable[[], Any]) -> Deferred[Any]:
        return execute(function)


FIGURES = tuple(
    figure
    for disk in DISKS
    for figure in (
        Figure(f"{disk}, in turn: changes", "/s"),
        Figure(f"{disk}, thread: changes", "/s", peer=f"{disk}, in turn: changes"),
        Figure(f"{disk}, in turn: 99 of 100 turns", "ms"),
        Figure(
            f"{disk}, thread: 99 of 100 turns",
            "ms",
            peer=f"{disk}, in turn: 99 of 100 turns",
        ),
    )
)


def slowed(function: Callable[[], Any], more: float) -> Any:
    time.sleep(more)  # as fsync does, without the interpreter
    return function()


async def main(reactor: Any) -> None:
    chosen = arguments(__doc__, runs=5, boards=32)
    reactor.seconds = time.monotonic
    with TemporaryDirectory() as name:
        runs = [
            await once(reactor, Path(name, str(number)), chosen.boards)
            for number in range(chosen.runs)
        ]
    show(FIGURES, runs)


async def once(reactor: Any, directory: Path, boards: int) -> Run:
    directory.mkdir()
    run = {}
    for disk, more in DISKS.items():
        for way, threads in (("in turn", InTurn), ("thread", InThread)):
            lab = write_lab(directory / f"{disk} {way}", boards)
            rate, turns = await measure(reactor, lab, threads(reactor, more))
            run[f"{disk}, {way}: changes"] = rate
            run[f"{disk}, {way}: 99 of 100 turns"] = percentile(turns, 0.99)
    return run


async def measure(
    reactor: Any, lab: Lab, threads: Threads
) -> tuple[float, list[float]]:
    """Changes a second, and the lengths of the reactor's turns in milliseconds."""
    store = SqlStore(
        lab.database,
        clock=reactor,
        service_seconds=time.monotonic,
        threads=threads,
        replaced=print,
    )
    saved = await store.open()
    end, turns = reactor.seconds() + SECONDS, Turns(reactor)
    made = await gatherResults(
        Deferred.fromCoroutine(move_on(reactor, store, standing, end))
        for standing in saved.standings.values()
    )
    lengths = turns.stop()
    await store.close()
    return sum(made) / SECONDS, lengths


async def move_on(reactor: Any, store: SqlStore, standing: Standing, end: float) -> int:
    """Change a board until `end`; how often."""
    made = 0
    while reactor.seconds() < end:
        standing = replace(standing, version=standing.version + 1)
        await store.commit(Change(after=standing, row=row_of(standing)))
        made += 1
    return made


def row_of(standing: Standing) -> HistoryRow:
    return HistoryRow(
        at=standing.since,
        board=standing.board,
        event="install-progress",
        source="token",
        outcome="noted",
        from_state=standing.state,
        to_state=standing.state,
        generation=standing.generation,
    )


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
