"""How long until a lab of 10,000 boards answers again, from the exec of a second start.

All of them stand by then, with their timers armed; polls are taken up after that, as
slowly as `resume_rate` says. The peer imports the same libraries into the same
interpreter and does nothing.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.lab import write_lab
from benchmarks.process import empty_site, lifeguard
from benchmarks.report import Figure, arguments, show

if TYPE_CHECKING:
    from benchmarks.lab import Lab
    from benchmarks.report import Run

FIGURES = (
    Figure("an empty site answers", "s"),
    Figure("no boards: answers", "s", peer="an empty site answers"),
    Figure("all boards: answers", "s", peer="an empty site answers", goal="1.5"),
    Figure("an empty site: CPU time", "s"),
    Figure("all boards: CPU time", "s", peer="an empty site: CPU time"),
)


def main() -> None:
    chosen = arguments(__doc__, runs=5, boards=10_000)
    with TemporaryDirectory() as name:
        lab = write_lab(Path(name, "lab"), chosen.boards, polled=9, resume_rate=50)
        bare = write_lab(Path(name, "bare"), 0)
        once(lab, bare)  # the first start compiles
        show(FIGURES, [once(lab, bare) for _ in range(chosen.runs)])


def once(lab: Lab, bare: Lab) -> Run:
    with empty_site(bare) as program:
        empty, empty_used = program.answers("/"), program.cpu_seconds()
    with lifeguard(bare) as program:
        no_boards = program.answers("/healthz")
    with lifeguard(lab) as program:
        all_boards, used = program.answers("/healthz"), program.cpu_seconds()
    return {
        "an empty site answers": empty,
        "no boards: answers": no_boards,
        "all boards: answers": all_boards,
        "an empty site: CPU time": empty_used,
        "all boards: CPU time": used,
    }


if __name__ == "__main__":
    main()
