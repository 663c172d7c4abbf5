"""How every table looks: no lines, quiet headings, as wide as it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.table import Table
from rich.text import Text

from lifeguard.cli.words import LOOKS

if TYPE_CHECKING:
    from lifeguard.lifecycle import Kind


def plain_table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    """As wide as it must be; the widest columns give way first."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in right else "left"
        table.add_column(Text(heading, no_wrap=True), justify=justify, overflow="fold")
    return table


def add_line(table: Table, *cells: str | Text) -> None:
    """A row of which each cell is cut to a line, but the last, which is a sentence."""
    *short, sentence = cells
    table.add_row(*map(_cut, short), sentence)


def _cut(cell: str | Text) -> Text:
    text = Text(cell) if isinstance(cell, str) else cell.copy()
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


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
