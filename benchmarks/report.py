"""How every benchmark reports: medians of its runs, beside a peer in the same run.

A run is a dictionary of figures. A ratio is taken within each run, and only then is
its median: what disturbs a run disturbs both of its figures.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

Run = dict[str, float]


class Figure(NamedTuple):
    """One line of the table; `peer` names the figure that it is a multiple of."""

    name: str
    unit: str
    peer: str | None = None
    goal: str = ""


def arguments(summary: str | None, **defaults: int | str) -> Namespace:
    """What the command line says; `defaults` are its options."""
    parser = ArgumentParser(description=summary)
    for name, default in defaults.items():
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help="%(default)s"
        )
    return parser.parse_args()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def show(figures: Sequence[Figure], runs: Sequence[Run]) -> None:
    """Print a line for each figure: median, lowest to highest, ratio, goal."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"medians of {len(runs)} runs; load {load} on {os.cpu_count()} cores")
    rows = [_row(figure, runs) for figure in figures]
    header = ("", "median", "from", "to", "", "ratio", "goal")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        name, *cells = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((name, *cells)).rstrip())


def _row(figure: Figure, runs: Sequence[Run]) -> tuple[str, ...]:
    values = [run[figure.name] for run in runs]
    numbers = (f"{n:.4g}" for n in (median(values), min(values), max(values)))
    return (figure.name, *numbers, figure.unit, _ratio(figure, runs), figure.goal)


def _ratio(figure: Figure, runs: Sequence[Run]) -> str:
    if figure.peer is None:
        return ""
    return f"{median(run[figure.name] / run[figure.peer] for run in runs):.2f}"
