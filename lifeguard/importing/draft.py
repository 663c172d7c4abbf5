"""A draft of `boards.toml`: what is known, and as comments what does not hold. Pure.

A source knows things that lifeguard cannot take: a name with a blank, a switch that it
has no driver for, a board whose MAC nobody wrote down. The draft is checked as the file
will be; what fails is written as a comment, with the reason, for a person to see to.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tomli_w
from msgspec import Struct, field

from lifeguard.config.inventory import inventory_of
from lifeguard.config.reader import Reader, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.config import Mistake

Table = dict[str, Any]

_FILE = Path("boards.toml")


class Unreadable(Exception):
    """A source that is not what it should be, in one line."""


class Draft(Struct):
    """Tables of the file by their names; `notes` say what could not be taken over."""

    relay_boards: dict[str, Table] = field(default_factory=dict)
    hardware: dict[str, Table] = field(default_factory=dict)
    boards: dict[str, Table] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def board(self, name: str, hardware: str, **known: Any) -> None:
        """A board, and its hardware type; of what is known, None is not."""
        if name in self.boards:
            self.notes.append(f"{name}: there are two of them; this is the last")
        self.hardware.setdefault(hardware, {})
        table = {key: value for key, value in known.items() if value}
        self.boards[name] = {"hardware": hardware, **table}


class Written(NamedTuple):
    """The file, and in a line each what of the source is not in it."""

    text: str
    left_out: list[str]


class _Struck(NamedTuple):
    """What is written as a comment: some keys of a table, or all of it."""

    reason: str
    content: Table


def name_of(text: str) -> str:
    """The name that comes next to what others call a thing; empty if none does."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text.strip()).strip("-.")[:63]


def written(draft: Draft, source: str) -> Written:
    """The draft as a file that `lifeguard check` accepts; it is from `source`."""
    document = {
        kind: {name: dict(table) for name, table in getattr(draft, kind).items()}
        for kind in ("relay_boards", "hardware", "boards")
    }
    struck: dict[tuple[str, str], list[_Struck]] = {}
    left_out = list(draft.notes)
    while mistakes := _mistakes(document):
        for mistake in mistakes:
            _strike(document, mistake, struck, left_out)
    head = f"# From {source}. What stands here as a comment is wanting, or not known.\n"
    return Written(head + "".join(_tables(document, struck)), left_out)


def _mistakes(document: dict[str, dict[str, Table]]) -> list[Mistake]:
    reader = Reader(_FILE)
    inventory_of(document, reader)
    return reader.mistakes


def _strike(
    document: dict[str, dict[str, Table]],
    mistake: Mistake,
    struck: dict[tuple[str, str], list[_Struck]],
    left_out: list[str],
) -> None:
    """Take out the key that is wrong, or the table that lacks one."""
    kind, name, *keys = map(str, mistake.keys)
    table = document[kind].get(name)
    if table is None:
        return  # for another of its mistakes
    key = keys[0] if keys else None
    content = {key: table.pop(key)} if key in table else document[kind].pop(name)
    reason = f"{dotted(tuple(keys))}: {mistake.reason}" if keys else mistake.reason
    struck.setdefault((kind, name), []).append(_Struck(reason, content))
    left_out.append(f"{dotted(mistake.keys)}: {mistake.reason}")


def _tables(
    document: dict[str, dict[str, Table]],
    struck: dict[tuple[str, str], list[_Struck]],
) -> Iterator[str]:
    for kind, tables in document.items():
        names = dict.fromkeys([*tables, *(name for of, name in struck if of == kind)])
        for name in names:
            is_whole, head = name in tables, f"[{dotted((kind, name))}]\n"
            yield f"\n{head if is_whole else _comment(head)}"
            yield tomli_w.dumps(tables.get(name, {}))
            for reason, content in struck.get((kind, name), []):
                yield _comment(f" {reason}\n{tomli_w.dumps(content)}")


def _comment(text: str) -> str:
    return "".join(f"#{line}\n" for line in text.splitlines())
