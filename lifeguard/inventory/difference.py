"""What is different between two inventories: pure.

What a relay board's driver is told may hold a password, so of its options only the
names are shown; the digest covers all of it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct, structs

from lifeguard.lifecycle import Lifecycle
from lifeguard.model import Inventory, Outlet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Table = Literal["relay_boards", "hardware", "images", "boards", "unknown_boards"]
"""A table of `boards.toml`."""

What = Literal["added", "removed", "changed"]

TABLES: Final[tuple[Table, ...]] = (
    "relay_boards",
    "hardware",
    "images",
    "boards",
    "unknown_boards",
)


class Field(Struct, frozen=True):
    """A key whose value is another; both are null where they are not shown."""

    name: str
    old: Any = None
    new: Any = None


class Entry(Struct, frozen=True):
    """One thing of the lab that is there no more, or is new, or is another."""

    table: Table
    name: str
    what: What
    fields: list[Field] = []


class Difference(Struct, frozen=True):
    """All that is different, in the order of the tables; `digest` stands for it."""

    entries: list[Entry]
    digest: str

    def of(self, table: Table, *whats: What) -> dict[str, Entry]:
        """Those of a table of which that is so, by name."""
        return {e.name: e for e in self.entries if e.table == table and e.what in whats}


def difference(old: Inventory, new: Inventory) -> Difference:
    """What must become of `old` to be `new`."""
    entries = [
        entry
        for table in TABLES
        for entry in _entries(table, getattr(old, table), getattr(new, table))
    ]
    return Difference(entries, _digest(entries, old, new))


def kept(old: Inventory, new: Inventory) -> Inventory:
    """The same as `new`; what is not different in it is what `old` has."""

    def those(table: Table) -> dict[str, Any]:
        before: dict[str, Any] = getattr(old, table)
        return {
            name: before[name] if before.get(name) == record else record
            for name, record in getattr(new, table).items()
        }

    return Inventory(**{table: those(table) for table in TABLES})


def _entries(
    table: Table, old: Mapping[str, Struct], new: Mapping[str, Struct]
) -> Iterator[Entry]:
    for name, record in old.items():
        if name not in new:
            yield Entry(table, name, "removed")
        elif new[name] is not record and new[name] != record:
            yield Entry(table, name, "changed", list(_fields(record, new[name])))
    for name in new:
        if name not in old:
            yield Entry(table, name, "added")


def _fields(old: Struct, new: Struct) -> Iterator[Field]:
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if isinstance(before, Lifecycle):
            yield from _states(before, after)
        elif name == "options":
            yield from _options(before, after)
        else:
            yield Field(name, _plain(before), _plain(after))


def _states(old: Lifecycle, new: Lifecycle) -> Iterator[Field]:
    """By figures, if it is they that differ."""
    found = False
    for state in dict.fromkeys((*old.states, *new.states)):
        before = old.figures(state) if state in old else None
        after = new.figures(state) if state in new else None
        if before != after:
            found = True
            yield Field(f"states.{state}", *_differing(before, after))
    if not found:
        yield Field("lifecycle")


def _differing(
    old: dict[str, float | None] | None, new: dict[str, float | None] | None
) -> tuple[Any, Any]:
    if old is None or new is None:
        return _numbers(old), _numbers(new)
    changed = [figure for figure in old if old[figure] != new[figure]]
    return {each: old[each] for each in changed}, {each: new[each] for each in changed}


def _numbers(figures: dict[str, float | None] | None) -> Any:
    return figures and {name: each for name, each in figures.items() if each}


def _options(old: Any, new: Any) -> Iterator[Field]:
    """Another driver has other options: `driver` says so."""
    if type(old) is type(new):
        for name in structs.asdict(new):
            if getattr(old, name) != getattr(new, name):
                yield Field(name)


def _digest(entries: list[Entry], old: Inventory, new: Inventory) -> str:
    hashed = sha256()
    for each in entries:
        for inventory in (old, new):
            record = getattr(inventory, each.table).get(each.name)
            content = [each.table, each.name, _plain(record)]
            hashed.update(msgspec.json.encode(content, order="sorted"))
    return hashed.hexdigest()[:32]


def _plain(value: Any) -> Any:
    """As JSON has it; outlets as the inventory has them."""
    if isinstance(value, Outlet):
        return str(value)
    if isinstance(value, Lifecycle):
        return {state: value.figures(state) for state in value.states}
    if isinstance(value, Struct):
        return _plain(structs.asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return value if isinstance(value, str | int | float | None) else str(value)
