"""What 10,000 boards cost while nothing happens: all wait, with their timers armed.

Three programs run side by side: a daemon whose boards only wait, one whose boards are
also polled by TCP, and a twistd that serves an empty site. Each board has been polled
once before it counts: the first polls come closer together than all later ones.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.answering import answering
from benchmarks.lab import write_lab
from benchmarks.process import empty_site, lifeguard
from benchmarks.report import Figure, arguments, show

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from benchmarks.process import Program
    from benchmarks.report import Run

FIGURES = (
    Figure("an empty site", "% of a core"),
    Figure("boards that wait", "% of a core", goal="0.3"),
    Figure("boards that are polled", "% of a core", goal="5"),
    Figure("a poll", "us", goal="1500"),
)

READY = ("Ready",)


def main() -> None:
    chosen = arguments(__doc__, runs=1, boards=10_000, every=300, seconds=60)
    show(FIGURES, [once(chosen) for _ in range(chosen.runs)])


def once(chosen: Namespace) -> Run:
    boards, every = chosen.boards, float(chosen.every)
    with TemporaryDirectory() as name, answering() as port, ExitStack() as stack:
        empty, wait, polled = (
            write_lab(Path(name, "empty"), 0),
            write_lab(Path(name, "wait"), boards, states=READY),
            write_lab(
                Path(name, "polled"), boards, states=READY, polled=port, every=every
            ),
        )
        programs = (empty_site(empty), lifeguard(wait), lifeguard(polled))
        for program in programs:
            stack.enter_context(program)
            program.answers("/")
        time.sleep(every)
        return _run(programs, chosen)


def _run(programs: Sequence[Program], chosen: Namespace) -> Run:
    before = [program.cpu_seconds() for program in programs]
    time.sleep(chosen.seconds)
    empty, wait, polled = (
        program.cpu_seconds() - used
        for program, used in zip(programs, before, strict=True)
    )
    polls = chosen.boards * chosen.seconds / chosen.every
    return {
        "an empty site": empty / chosen.seconds * 100,
        "boards that wait": wait / chosen.seconds * 100,
        "boards that are polled": polled / chosen.seconds * 100,
        "a poll": (polled - wait) / polls * 1e6,
    }


if __name__ == "__main__":
    main()
