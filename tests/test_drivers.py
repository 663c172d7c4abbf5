"""Drivers: found by the names that tables call them, ours and a lab's own."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Struct

from lifeguard.config import ConfigurationError, drivers, load
from lifeguard.config.forms import Form, text
from lifeguard.model import RelayBoard
from lifeguard.power.driver import Driver
from lifeguard.power.drivers import BUILT_IN

BOARDS = """
[relay_boards.shelf]
driver = "lever"
handle = "red"
patience = 7200
"""


class LeverOptions(Struct, frozen=True):
    handle: Annotated[str, Form("a text", text)]
    length: Annotated[str, Form("a text", text)] = "long"

    def __post_init__(self) -> None:
        if (self.handle, self.length) == ("red", "short"):
            raise ValueError("a red lever is long")


LEVER = Driver(LeverOptions, Form("a text", text), device=lambda *_: None)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to load from, where a package has brought drivers."""

    def brought(group: str) -> list[EntryPoint]:
        here = {"lever": "LEVER", "broken": "nothing", "number": "BOARDS"}
        return [
            EntryPoint(name, f"{__name__}:{value}", group)
            for name, value in here.items()
        ]

    monkeypatch.setattr(drivers, "entry_points", brought)
    drivers._places.cache_clear()
    monkeypatch.chdir(tmp_path)
    Path("lifeguard.toml").write_text("")
    yield tmp_path
    drivers._places.cache_clear()


def mistakes(boards: str) -> list[str]:
    Path("boards.toml").write_text(boards)
    try:
        load("lifeguard.toml")
    except ConfigurationError as error:
        return error.mistakes
    return []


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_driver_that_is_listed_can_be_used(name: str) -> None:
    driver = drivers.find_driver(name)
    assert isinstance(driver, Driver)


def test_a_lab_brings_a_driver_of_its_own(lab: Path) -> None:
    assert mistakes(BOARDS) == []
    assert load("lifeguard.toml").inventory.relay_boards == {
        "shelf": RelayBoard(
            name="shelf",
            driver="lever",
            address="",
            patience=7200.0,
            options=LeverOptions(handle="red"),
        )
    }


def test_an_unknown_driver_is_one_line_that_names_those_there_are(lab: Path) -> None:
    names = sorted({*BUILT_IN, "broken", "lever", "number"})
    listed = " or ".join(f'"{name}"' for name in names)
    assert mistakes(BOARDS.replace('"lever"', '"leaver"')) == [
        f'boards.toml: relay_boards.shelf.driver: expected {listed}, got "leaver"'
    ]


def test_a_driver_that_cannot_be_used_is_one_line(lab: Path) -> None:
    [broken] = mistakes(BOARDS.replace('"lever"', '"broken"'))
    assert broken.startswith("boards.toml: relay_boards.shelf.driver: broken: ")
    assert broken.endswith("has no attribute 'nothing'")
    [number] = mistakes(BOARDS.replace('"lever"', '"number"'))
    assert number.endswith(f"driver: number: {__name__}:BOARDS is no driver")


def test_options_that_do_not_go_together_are_one_line(lab: Path) -> None:
    assert mistakes(BOARDS + 'length = "short"') == [
        "boards.toml: relay_boards.shelf: a red lever is long"
    ]
