"""How long a daemon takes to list 1,000 boards, and to page through 10,000.

The peer is msgspec, encoding the very same document in this process.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from benchmarks.lab import board_name, write_lab
from benchmarks.process import lifeguard
from benchmarks.report import Figure, arguments, show
from lifeguard.web.boards import BoardList

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPConnection

    from benchmarks.lab import Lab
    from benchmarks.report import Run

PAGE = 1000
"""As many boards as one answer may hold."""

TRIALS = 20

FIGURES = (
    Figure("encode 1,000 boards", "ms"),
    Figure("1,000 of 1,000 boards", "ms", peer="encode 1,000 boards", goal="10 ms"),
    Figure("1,000 of 10,000 boards", "ms", peer="encode 1,000 boards"),
    Figure("10,000 boards in pages", "ms", peer="encode 1,000 boards"),
)


def main() -> None:
    chosen = arguments(__doc__, runs=5)
    with TemporaryDirectory() as name:
        small = write_lab(Path(name, "small"), PAGE)
        large = write_lab(Path(name, "large"), 10 * PAGE)
        runs = [once(small, large) for _ in range(chosen.runs)]
    show(FIGURES, runs)


def once(small: Lab, large: Lab) -> Run:
    with lifeguard(small) as program:
        program.answers("/healthz")
        connection = program.connection()
        whole = milliseconds(lambda: page(connection))
        document = msgspec.json.decode(page(connection), type=BoardList)
    with lifeguard(large) as program:
        program.answers("/healthz")
        connection = program.connection()
        part = milliseconds(lambda: page(connection))
        after = [f"&after={board_name(n)}" for n in range(PAGE - 1, 9 * PAGE, PAGE)]
        paged = milliseconds(lambda: [page(connection, one) for one in ("", *after)])
    return {
        "encode 1,000 boards": milliseconds(lambda: msgspec.json.encode(document)),
        "1,000 of 1,000 boards": whole,
        "1,000 of 10,000 boards": part,
        "10,000 boards in pages": paged,
    }


def page(connection: HTTPConnection, after: str = "") -> bytes:
    """The answer's body, on a connection that is kept."""
    connection.request("GET", f"/api/v1/boards?limit={PAGE}{after}")
    return connection.getresponse().read()


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some trials, of which the first does not count."""
    taken = []
    for _ in range(TRIALS + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken[1:]) * 1000


if __name__ == "__main__":
    main()
