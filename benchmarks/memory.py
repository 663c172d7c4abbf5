"""What a board costs in memory: a daemon of 10,000 that wait and are polled.

The peer is the same daemon without a board.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.lab import write_lab
from benchmarks.process import lifeguard
from benchmarks.report import Figure, arguments, show

if TYPE_CHECKING:
    from benchmarks.lab import Lab
    from benchmarks.report import Run

FIGURES = (
    Figure("no boards", "MiB"),
    Figure("all boards in mixed states", "MiB", peer="no boards"),
    Figure("all boards polled", "MiB", peer="no boards"),
    Figure("a board in mixed states", "bytes", goal="4096"),
    Figure("a board that is polled", "bytes", goal="4096"),
)

SETTLE_SECONDS = 1.0


def main() -> None:
    chosen = arguments(__doc__, runs=5, boards=10_000)
    with TemporaryDirectory() as name:
        bare = write_lab(Path(name, "bare"), 0)
        mixed = write_lab(Path(name, "mixed"), chosen.boards, polled=9)
        ready = write_lab(
            Path(name, "ready"), chosen.boards, states=("Ready",), polled=9
        )
        runs = [once(bare, mixed, ready, chosen.boards) for _ in range(chosen.runs)]
    show(FIGURES, runs)


def once(bare: Lab, mixed: Lab, ready: Lab, boards: int) -> Run:
    without, with_mixed, with_ready = memory(bare), memory(mixed), memory(ready)
    return {
        "no boards": without / 2**20,
        "all boards in mixed states": with_mixed / 2**20,
        "all boards polled": with_ready / 2**20,
        "a board in mixed states": (with_mixed - without) / boards,
        "a board that is polled": (with_ready - without) / boards,
    }


def memory(lab: Lab) -> int:
    """Bytes of a daemon that has resumed."""
    with lifeguard(lab) as program:
        program.answers("/healthz")
        time.sleep(SETTLE_SECONDS)
        return program.memory()


if __name__ == "__main__":
    main()
