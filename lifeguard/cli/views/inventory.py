"""What is different in the inventory's file, and what that does to boards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from lifeguard.cli.views.tables import facts_table
from lifeguard.cli.words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from lifeguard.cli.documents import Entry, Field, Plan

MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def plan(found: Plan) -> Group:
    """All that is different, by table; then what becomes of the boards."""
    return Group(*_parts(found))


def done(applied: Plan) -> Text:
    """What there is to say when it counts."""
    if not applied.entries:
        return Text("the lab goes by this file already")
    return Text("the lab goes by it from now on", "bold")


def _parts(found: Plan) -> Iterator[RenderableType]:
    if not found.entries:
        yield Text("nothing is different")
    for entry in found.entries:
        yield from _entry(entry)
    if found.boards:
        yield from _facts((each.board, each.text) for each in found.boards)
    if found.owed:
        yield from _facts((each.outlet, each.text) for each in found.owed)
    if found.touched > found.allowed:
        count = plural(found.touched, "board")
        text = f"{count} removed or another: more than {found.allowed} need --yes"
        yield Text(text, "bold red")
    if given_up := [each for each in found.owed if each.what == "removed"]:
        count = plural(len(given_up), "outlet")
        text = f"{count} still to be switched on by relay boards that go: needs --yes"
        yield Text(text, "bold red")
    if found.restart:
        tables = ", ".join(found.restart)
        yield Text(f"read at the next start only: {tables} of lifeguard.toml", "yellow")


def _facts(rows: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    yield Text("")
    table = facts_table()
    for row in rows:
        table.add_row(*row)
    yield table


def _entry(entry: Entry) -> Iterator[Text]:
    mark, style = MARKS[entry.what]
    yield Text(f"{mark} {entry.table}.{entry.name}", style)
    for field in entry.fields:
        yield Text.assemble(("    " + field.name, "dim"), _change(field))


def _change(field: Field) -> str:
    if field.old is None and field.new is None:
        return " is another"
    return f"  {_value(field.old)} → {_value(field.new)}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "none"
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
