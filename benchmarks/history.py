"""What a long history costs: a board's last rows, and a step of forgetting.

    python -m benchmarks.history --database URL [--rows 10000000]

The rows are made inside the database, those of 1,000 boards in turn, as a lab would
have written them over two years. An address where they are already is measured again;
nothing is taken away but what a step of retention forgets.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import TYPE_CHECKING

from sqlalchemy import func, make_url, select, text

from lifeguard.clock import utc_now
from lifeguard.store import statements
from lifeguard.store.database import Database
from lifeguard.store.migrate import migrate
from lifeguard.store.retention import forget
from lifeguard.store.schema import history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

BOARDS = 1000
YEARS = 2
LAST = 100
ASKED = 500
STEPS = 200
ROWS_A_STEP = 100
BATCH = 100_000

_FILL = {
    "sqlite": """
        WITH RECURSIVE n(i) AS (
            SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :end)
        INSERT INTO history (at, board, event, source, outcome, from_state, to_state,
            generation, reason, count)
        SELECT datetime(:began, (i * :pace) || ' seconds') || '.000000',
            'board-' || (i % :boards), 'power-cycle-ok', 'power', 'moved',
            'RebootRebooting', 'RebootComplete', i / :boards, 'rack1/1/1 is on', 1
        FROM n
    """,
    "postgresql": """
        INSERT INTO history (at, board, event, source, outcome, from_state, to_state,
            generation, reason, count)
        SELECT CAST(:began AS timestamptz) + i * :pace * interval '1 second',
            'board-' || (i % :boards), 'power-cycle-ok', 'power', 'moved',
            'RebootRebooting', 'RebootComplete', i / :boards, 'rack1/1/1 is on', 1
        FROM generate_series(CAST(:first AS bigint), :end - 1) AS i
    """,
}

_CACHES = Path("/proc/sys/vm/drop_caches")


def fill(database: Database, kind: str, rows: int) -> None:
    """Add what is missing to so many rows."""
    began = utc_now() - timedelta(days=365 * YEARS)
    pace = timedelta(days=365 * YEARS).total_seconds() / rows
    present = database.run(lambda connection: connection.scalar(_newest)) or 0
    for first in range(present, rows, BATCH):
        values = {
            "began": began.isoformat(sep=" "),
            "pace": pace,
            "first": first,
            "end": min(first + BATCH, rows),
            "boards": BOARDS,
        }
        database.run(partial(_execute, _FILL[kind], values))


_newest = select(func.max(history.c.id))


def _execute(statement: str, values: dict[str, object], on: Connection) -> None:
    on.execute(text(statement), values)


def forget_caches() -> bool:
    """Make the machine read from its disk again; whether we may."""
    try:
        _CACHES.write_text("3\n", "ascii")
    except OSError:
        return False
    return True


def asks(database: Database) -> Iterable[Callable[[], object]]:
    """The last rows of so many boards, none of them twice."""
    for board in Random(1).sample(range(BOARDS), ASKED):
        last = partial(
            statements.history_of, board=f"board-{board}", limit=LAST, before=None
        )
        yield partial(database.read, last)


def steps(database: Database) -> Iterable[Callable[[], object]]:
    """Steps of one pass over what is older than half of the time."""
    older_than = utc_now() - timedelta(days=365 * YEARS / 2)
    after = [0]

    def step() -> None:
        on = database.run(lambda c: forget(c, older_than, after[0], ROWS_A_STEP))
        assert on is not None, "nothing is left to forget: begin with a new database"
        after[0] = on

    return [step] * STEPS


def commits(database: Database) -> Iterable[Callable[[], object]]:
    """The smallest transaction that lifeguard makes: its time is saved."""
    return [
        partial(database.run, partial(statements.rule, ruler="", now=float(number)))
        for number in range(1, STEPS + 1)
    ]


def report(name: str, done: Iterable[Callable[[], object]]) -> None:
    """Print how long each takes, in milliseconds."""
    taken = sorted(map(_milliseconds, done))
    figures = f"median {median(taken):8.2f} ms   p99 {quantiles(taken, n=100)[-1]:8.2f}"
    print(f"{name:32} {figures} ms", flush=True)


def _milliseconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history")
    parser.add_argument("--database", metavar="URL", required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    arguments = parser.parse_args()
    kind = make_url(arguments.database).get_backend_name()
    database = Database(arguments.database)
    database.run(migrate)
    database.run(lambda connection: statements.first_start(connection, b""))
    fill(database, kind, arguments.rows)
    print(f"{kind}, {arguments.rows:,} rows of {BOARDS:,} boards")
    database.read(lambda connection: connection.scalar(select(1)))
    if forget_caches():
        report(f"last {LAST} of a board, cold", asks(database))
    report(f"last {LAST} of a board, once more", asks(database))
    report("a commit", commits(database))
    report(f"a step over {ROWS_A_STEP} rows", steps(database))
    database.close()


if __name__ == "__main__":
    main()
