"""What one transition costs at 100, 1,000 and 10,000 boards: it should be the same.

Boards are told by an operator, then by themselves, that they go from Ready to
RebootComplete and back, 32 of them at a time: through the store that the daemon has,
and through one that has saved everything at once, which leaves the board's own cost.
Given is CPU time of all threads, so that neither the disk nor a busy machine counts.
"""

from __future__ import annotations

import random
import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Cooperator, react

from benchmarks.fleet import InstantProbes, InstantStore, log_to, stand
from benchmarks.lab import board_name, write_lab
from benchmarks.report import Figure, arguments, show
from lifeguard.event import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.fleet import StandingFleet
    from benchmarks.lab import Lab
    from benchmarks.report import Run
    from lifeguard.fleet import Fleet, Store
    from lifeguard.store import SqlStore

SIZES = (100, 1_000, 10_000)
AT_ONCE = 32
STORES: dict[str, Callable[[SqlStore], Store]] = {
    "instant store": InstantStore,
    "SQLite": lambda store: store,
}

FIGURES = [
    Figure(
        f"{boards} boards, {store}",
        "us",
        peer=f"{SIZES[0]} boards, {store}",
        goal="flat" if boards == SIZES[-1] else "",
    )
    for store in STORES
    for boards in SIZES
]


async def main(reactor: Any) -> None:
    chosen = arguments(__doc__, runs=5, transitions=4_000)
    reactor.seconds = time.monotonic
    with TemporaryDirectory() as name:
        log_to(Path(name, "log"))
        labs = [
            write_lab(Path(name, str(boards)), boards, states=("Ready",), polled=9)
            for boards in SIZES
        ]
        runs = [
            await once(reactor, labs, chosen.transitions) for _ in range(chosen.runs)
        ]
    show(FIGURES, runs)


async def once(reactor: Any, labs: list[Lab], transitions: int) -> Run:
    run: Run = {}
    for store, wrap in STORES.items():
        for boards, lab in zip(SIZES, labs, strict=True):
            standing = await stand(reactor, lab, InstantProbes(), wrap)
            seconds = await timed(standing, boards, transitions // 2)
            run[f"{boards} boards, {store}"] = seconds / transitions * 1e6
            await standing.stop()
    return run


async def timed(standing: StandingFleet, boards: int, round_trips: int) -> float:
    """Seconds of CPU time in which so many boards go there and back."""
    numbers = list(range(boards))
    random.Random(1).shuffle(numbers)
    names = map(board_name, islice(cycle(numbers), round_trips))
    work = (Deferred.fromCoroutine(there_and_back(standing.fleet, n)) for n in names)
    began = time.process_time()
    await at_once(AT_ONCE, work)
    return time.process_time() - began


async def there_and_back(fleet: Fleet, name: str) -> None:
    await fleet.change(name, "Ready", "RebootComplete", "benchmark")
    event = Event(name="image-running", source=name, by="board")
    await fleet.board(name).deliver(event)


async def at_once(limit: int, work: Iterator[Deferred[None]]) -> None:
    """Do what `work` begins, never more than `limit` of it at a time."""
    cooperator = Cooperator()
    for worker in [cooperator.coiterate(work) for _ in range(limit)]:
        await worker
    cooperator.stop()


if __name__ == "__main__":
    react(main)
