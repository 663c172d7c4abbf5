"""What happened, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from lifeguard.cli.views.tables import add_line, plain_table
from lifeguard.cli.words import clock_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rich.table import Table

    from lifeguard.cli.documents import Row, Streamed

_WHOLE = ("TIME", "BOARD", "EVENT")
_STYLES = {"refused": "red", "stale": "dim", "repeat": "dim", "noted": ""}


def history(rows: Iterable[Row], now: datetime, *, named: bool) -> Table:
    """The rows as they come; `named` with the board that each is of."""
    board = ("BOARD",) if named else ()
    table = plain_table(
        "TIME", *board, "EVENT", "BY", "WHAT CAME OF IT", whole=_WHOLE, spare=("BY",)
    )
    for row in rows:
        name = (row.board,) if named else ()
        style = _STYLES.get(row.outcome, "")
        add_line(table, 
            clock_time(row.last or row.at, now), *name, row.event, row.source,
            Text(_outcome(row), style),
        )  # fmt: skip
    return table


def change_line(streamed: Streamed, now: datetime, style: str) -> Text:
    """One change in one line, in the words of the daemon's log."""
    row = streamed.change
    text = Text(f"{clock_time(row.at, now)}  ", "dim")
    text.append(f"{row.board}: {row.from_state} -- {row.event} --> ", "default")
    text.append(row.to_state, style)
    return text.append(f" ({row.reason})" if row.reason else "", "default")


def _outcome(row: Row) -> str:
    where = row.to_state
    if row.outcome == "moved" and row.from_state != row.to_state:
        where = f"{row.from_state} → {row.to_state}"
    elif row.outcome != "moved":
        where = f"{row.outcome} in {row.to_state}"
    times = f", {row.count} times" if row.count > 1 else ""
    return f"{where}{times}{f': {row.reason}' if row.reason else ''}"
