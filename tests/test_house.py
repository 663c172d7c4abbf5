"""The order of the house: a module imports only from those above it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HOUSE = [
    "words",
    "lifecycle",
    "graph",
    "model",
    "clock",
    "tally",
    "turns",
    "deadlines",
    "garbage",
    "endpoints",
    "config",
    "wire",
    "sparse_log",
    "store",
    "power",
    "netboot",
    "health",
    "inventory",
    "event",
    "blame",
    "wishes",
    "draft",
    "decide",
    "change_listeners",
    "relay_board_history",
    "timekeeper",
    "world",
    "effects",
    "inbox",
    "keeper",
    "reports",
    "sightings",
    "board",
    "resumption",
    "succession",
    "fleet",
    "notify",
    "alerts",
    "housekeeping",
    "operators",
    "own_token",
    "service_manager",
    "metrics",
    "web",
    "manhole",
    "simulator",
    "changeover",
    "netboot_service",
    "front_ends",
    "daemon",
    "demo",
    "tap",
    "twistd",
    "journal",
    "importing",
    "cli",
]

MODULES = sorted((ROOT / "lifeguard").rglob("*.py"))


def room(module: str) -> str:
    """The first name below lifeguard: `lifeguard.wire.tftp` is in `wire`."""
    return module.split(".")[1]


def name_of(path: Path) -> str:
    """As it is imported: a package by its own name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            base = node.module
            names |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("lifeguard.")}


def test_every_room_is_in_the_list() -> None:
    rooms = {
        path.relative_to(ROOT / "lifeguard").parts[0].removesuffix(".py")
        for path in MODULES
    }
    assert rooms - {"__init__"} == set(HOUSE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_from_those_above_it(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts
    if own[1] == "__init__":
        return
    here = HOUSE.index(own[1])
    below = {name for name in imported(path) if HOUSE.index(room(name)) > here}
    assert below == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Nor for its annotations: what two need of each other is a third one's."""
    paths = {name_of(path): path for path in MODULES}
    graph = {
        module: {
            name if name in paths else name.rpartition(".")[0]
            for name in imported(path)
        }
        for module, path in paths.items()
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_reactor_is_taken_at_the_edge_only(path: Path) -> None:
    if path.name == "__main__.py" or path.name == "tap.py":
        return
    text = path.read_text()
    assert "internet import reactor" not in text
    assert "time.time()" not in text
    assert "datetime.now(" not in text or path.name == "clock.py"
