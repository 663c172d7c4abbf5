"""The pages on power: what they show can be used as it stands, and is found."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from twisted.internet.testing import MemoryReactorClock

from lifeguard.config import drivers, load
from lifeguard.model import Inventory
from lifeguard.power.driver import Surroundings
from lifeguard.power.drivers import BUILT_IN

ROOT = Path(__file__).parents[1]
PAGES = {page.stem: page.read_text() for page in (ROOT / "docs/power").glob("*.md")}
OVERVIEW, OWN = "README", "writing-a-driver"
OF_ALL_HTTP = {"user", "password", "verify"}
"""What the overview tells of all drivers that speak HTTP."""

EXAMPLES = [
    pytest.param(page, example, id=f"{page}-{number}")
    for page, text in sorted(PAGES.items())
    for number, example in enumerate(re.findall(r"```toml\n(.*?)```", text, re.DOTALL))
]


@pytest.fixture(autouse=True)
def a_driver_of_the_labs_own(monkeypatch):
    """The one that its page is about."""
    monkeypatch.syspath_prepend(ROOT / "etc")
    lever = EntryPoint("lever", "lever:DRIVER", drivers.GROUP)
    monkeypatch.setattr(drivers, "entry_points", lambda group: [lever])
    drivers._places.cache_clear()
    yield
    drivers._places.cache_clear()


def inventory(directory: Path, boards: str) -> Inventory:
    (directory / "lifeguard.toml").touch()
    (directory / "boards.toml").write_text(boards)
    return load(directory / "lifeguard.toml").inventory


def test_every_driver_has_a_page_and_its_line_in_the_overview():
    assert sorted(PAGES) == sorted([*BUILT_IN, OVERVIEW, OWN])
    listed = re.findall(r"(?m)^\| \[`(.+?)`\]\((.+?)\.md\)", PAGES[OVERVIEW])
    assert sorted(listed) == [(name, name) for name in sorted(BUILT_IN)]
    for name in BUILT_IN:
        assert PAGES[name].startswith(f"# {name}\n")


@pytest.mark.parametrize(("page", "example"), EXAMPLES)
def test_an_example_is_read_and_its_devices_can_be_made(page, example, tmp_path):
    lab = inventory(tmp_path, example)
    assert lab.relay_boards
    for relay_board in lab.relay_boards.values():
        found = drivers.find_driver(relay_board.driver)
        assert relay_board.address
        device = found.device(relay_board, Surroundings(MemoryReactorClock(), tmp_path))
        assert device.connected is False
        device.idle()
        assert device.close().called


@pytest.mark.parametrize("page", [*sorted(BUILT_IN), OVERVIEW, OWN])
def test_a_page_begins_with_a_board_that_has_its_power_from_there(page, tmp_path):
    example = next(each.values[1] for each in EXAMPLES if each.values[0] == page)
    lab = inventory(tmp_path, example)
    [board] = lab.boards.values()
    [outlet] = board.power
    expected = {OVERVIEW: "proxr", OWN: "lever"}.get(page, page)
    assert lab.relay_boards[outlet.relay_board].driver == expected


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_page_shows_every_key_that_its_driver_has(name):
    shown = {
        key
        for page, example in (each.values for each in EXAMPLES)
        for table in tomllib.loads(example)["relay_boards"].values()
        if page == name
        for key in table
    }
    keys = set(drivers.find_driver(name).options.__struct_fields__)
    assert keys - shown - OF_ALL_HTTP == set()


@pytest.mark.parametrize("page", [*sorted(PAGES), "../../README"])
def test_every_link_of_a_page_leads_somewhere(page):
    place = ROOT / "docs/power" / f"{page}.md"
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", place.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (place.parent / link).exists()] == []
