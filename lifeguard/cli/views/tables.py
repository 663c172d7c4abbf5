"""How every table looks: no lines, quiet headings, as wide as it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from lifeguard.cli.words import LOOKS

if TYPE_CHECKING:
    from lifeguard.lifecycle import Kind

LAST_WIDTH = 18
"""At least, for a last column holds sentences; others are cut for it."""


def plain_table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    """Columns that keep to one line; the last wraps in what room is left."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        last = heading == headings[-1]
        table.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=not last,
            overflow="fold" if last else "ellipsis",
            min_width=LAST_WIDTH if last else None,
        )
    return table


def facts_table() -> Table:
    """Names of facts beside what they are."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def mark(kind: Kind | None) -> Text:
    """The mark of a kind, in its colour."""
    return Text(LOOKS[kind].mark, LOOKS[kind].style)


def state_text(state: str, kind: Kind | None) -> Text:
    """A state in its kind's colour."""
    return Text(state, LOOKS[kind].style)
