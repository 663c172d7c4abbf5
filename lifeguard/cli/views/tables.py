"""How every table looks: no lines, quiet headings, as wide as it must be."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from rich.table import Column, Table
from rich.text import Text

from lifeguard.cli.words import LOOKS

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from lifeguard.lifecycle import Kind

GAP = 2
"""Cells between two columns."""

CUT_CELLS = 8
"""What is left of a column that gives way; of less, nobody can make anything."""

SENTENCE_CELLS = 24
"""What the last column needs, where sentences are folded."""


class PlainTable(Table):
    """Leaves out columns in `spare`, in that order, where there is no room for them."""

    whole: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        columns = self.columns
        for heading in self.spare:
            if self._needed(columns) <= options.max_width:
                break
            columns = [one for one in columns if str(one.header) != heading]
        narrowed = copy(self)
        narrowed.columns = [
            replace(column, _index=index) for index, column in enumerate(columns)
        ]
        return Table.__rich_console__(narrowed, console, options)

    def _needed(self, columns: list[Column]) -> int:
        """The least cells in which such columns can be read."""
        *short, sentence = columns
        widths = [_width(column, self._least(column)) for column in short]
        gaps = GAP * len(short)
        return sum(widths) + gaps + _width(sentence, SENTENCE_CELLS)

    def _least(self, column: Column) -> int | None:
        return None if str(column.header) in self.whole else CUT_CELLS


def _width(column: Column, most: int | None) -> int:
    texts = [column.header, *column.cells]
    natural = max(text.cell_len for text in texts if isinstance(text, Text))
    return natural if most is None else min(natural, most)


def plain_table(
    *headings: str,
    right: tuple[str, ...] = (),
    whole: tuple[str, ...] = (),
    spare: tuple[str, ...] = (),
) -> PlainTable:
    """As wide as it must be; the widest columns give way first, those in `whole` last.

    A name that is cut is another name. Those in `spare` can be done without.
    """
    table = PlainTable(
        box=None, header_style="dim", padding=(0, GAP, 0, 0), pad_edge=False
    )
    table.whole, table.spare = whole, spare
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in right else "left"
        table.add_column(
            Text(heading, no_wrap=True),
            justify=justify,
            overflow="fold",
            no_wrap=heading in whole,
        )
    return table


def add_line(table: Table, *cells: str | Text) -> None:
    """A row of which each cell is cut to a line, but the last, which is a sentence."""
    *short, sentence = cells
    last = Text(sentence) if isinstance(sentence, str) else sentence
    table.add_row(*map(_cut, short), last)


def _cut(cell: str | Text) -> Text:
    text = Text(cell) if isinstance(cell, str) else cell.copy()
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def facts_table() -> Table:
    """Names of facts beside what they are."""
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def mark(kind: Kind | None) -> Text:
    """The mark of a kind, in its colour."""
    return Text(LOOKS[kind].mark, LOOKS[kind].style)


def state_text(state: str, kind: Kind | None) -> Text:
    """A state in its kind's colour."""
    return Text(state, LOOKS[kind].style)
