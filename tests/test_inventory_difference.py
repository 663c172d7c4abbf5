"""What is different between two inventories, and what is not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from lifeguard.inventory.difference import (
    TABLES,
    Difference,
    Entry,
    Field,
    difference,
    kept,
)
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Inventory, Outlet
from tests.rig import inventory

LAB = inventory()


class Options(Struct, frozen=True):
    """A driver's own."""

    url: str
    password: str = "hush"


def changed(lab: Inventory, table: str, name: str, **fields: Any) -> Inventory:
    """The same lab, with one of its records changed."""
    records = getattr(lab, table)
    record = replace(records[name], **fields)
    return replace(lab, **{table: {**records, name: record}})


def without(lab: Inventory, table: str, name: str) -> Inventory:
    records = getattr(lab, table)
    return replace(lab, **{table: {k: v for k, v in records.items() if k != name}})


def entries(old: Inventory, new: Inventory) -> list[Entry]:
    return difference(old, new).entries


def test_what_is_read_twice_is_not_different() -> None:
    assert entries(LAB, inventory()) == []
    slow = LIFECYCLE.with_figures({"Ready": {"timeout": 600}})
    again = LIFECYCLE.with_figures({"Ready": {"timeout": 600}})
    assert entries(inventory(slow), inventory(again)) == []


def test_a_board_is_added_removed_or_changed_by_its_keys() -> None:
    new = changed(
        without(inventory(boards=3), "boards", "bare"),
        "boards",
        "panda-01",
        address=None,
        power=(Outlet("rack1", "1/5"), Outlet("rack1", "1/6")),
    )
    assert entries(LAB, new) == [
        Entry(
            "boards",
            "panda-01",
            "changed",
            [
                Field("address", "192.0.2.1", None),
                Field("power", ["rack1/1/1"], ["rack1/1/5", "rack1/1/6"]),
            ],
        ),
        Entry("boards", "bare", "removed"),
        Entry("boards", "panda-03", "added"),
    ]


def test_a_lifecycle_is_told_by_the_figures_that_differ() -> None:
    slow = LIFECYCLE.with_figures({"Ready": {"timeout": 600}})
    told = [Field("states.Ready", {"timeout": 300}, {"timeout": 600})]
    new = changed(LAB, "hardware", "panda", lifecycle=slow)
    assert entries(LAB, new) == [Entry("hardware", "panda", "changed", told)]


def test_a_state_that_is_new_is_told_with_its_figures() -> None:
    class Asleep(type(LIFECYCLE["Troubleshooting"])):  # type: ignore[misc]
        pass

    new = changed(LAB, "hardware", "panda", lifecycle=LIFECYCLE.replace(Asleep))
    (entry,) = entries(LAB, new)
    assert entry.fields == [Field("states.Asleep", None, {"wait": 1800})]


def test_another_lifecycle_with_the_same_figures_is_another() -> None:
    class Ready(type(LIFECYCLE["Ready"])):  # type: ignore[misc]
        on = {"rq-dance": "Ready"}

    new = changed(LAB, "hardware", "panda", lifecycle=LIFECYCLE.replace(Ready))
    (entry,) = entries(LAB, new)
    assert entry.fields == [Field("lifecycle")]


def test_what_a_driver_is_told_is_not_shown_but_counts() -> None:
    labs = [
        changed(LAB, "relay_boards", "rack1", options=Options("http://a", password))
        for password in ("hush", "hush hush", "quiet")
    ]
    differences = [difference(labs[0], lab) for lab in labs[1:]]
    fields = [Field("password")]
    assert [each.entries for each in differences] == [
        [Entry("relay_boards", "rack1", "changed", fields)]
    ] * 2
    assert differences[0].digest != differences[1].digest
    assert "hush" not in repr(differences)


def test_another_driver_is_told_and_not_what_it_is_told() -> None:
    old = changed(LAB, "relay_boards", "rack1", options=Options("http://a"))
    (entry,) = entries(old, changed(old, "relay_boards", "rack1", driver="exec"))
    assert entry.fields == [Field("driver", "proxr", "exec")]
    assert entries(LAB, old)[0].fields == []


def test_what_is_asked_for_is_of_one_table() -> None:
    found = Difference(
        [
            Entry("boards", "a", "added"),
            Entry("boards", "b", "removed"),
            Entry("images", "c", "added"),
        ],
        "",
    )
    assert list(found.of("boards", "added", "removed")) == ["a", "b"]
    assert found.of("images", "changed") == {}


names = st.sets(st.sampled_from(list(inventory(boards=6).boards)))


@given(names, names, names)
def test_what_is_kept_is_the_old_where_nothing_is_different(
    before: set[str], after: set[str], moved: set[str]
) -> None:
    def some(chosen: set[str], lab: Inventory) -> Inventory:
        return replace(lab, boards={n: b for n, b in lab.boards.items() if n in chosen})

    old, new = some(before, inventory(boards=6)), some(after, inventory(boards=6))
    for name in moved & after:
        new = changed(new, "boards", name, address="198.51.100.1")
    merged = kept(old, new)
    assert merged == new
    same = [n for n, b in merged.boards.items() if b is old.boards.get(n)]
    assert set(same) == (before & after) - moved
    assert all(merged.hardware[name] is old.hardware[name] for name in old.hardware), (
        TABLES
    )
    found = difference(old, new)
    assert set(found.of("boards", "changed")) == before & after & moved
    assert set(found.of("boards", "added")) == after - before
    assert set(found.of("boards", "removed")) == before - after
