"""From TOML files to the records the rest works with; nothing is written or opened.

`load` is all that others need. Paths in what it returns are absolute, as a daemon
changes its directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import tomli
from msgspec import structs

from lifeguard.config.alerts import Alerts
from lifeguard.config.inventory import read_inventory
from lifeguard.config.reader import ConfigurationError, Loads, Mistake, Reader
from lifeguard.config.settings import (
    Blame,
    Health,
    Http,
    Manhole,
    Server,
    Settings,
    Tftp,
    read_settings,
)
from lifeguard.model import Inventory

__all__ = [
    "DEFAULT_INVENTORY",
    "Alerts",
    "Blame",
    "Configuration",
    "ConfigurationError",
    "Health",
    "Http",
    "Manhole",
    "Mistake",
    "Server",
    "Tftp",
    "load",
]

DEFAULT_INVENTORY: Final = "boards.toml"


class Configuration(Settings, frozen=True, kw_only=True):
    """All that a daemon is started with."""

    inventory: Inventory


def load(path: str | Path, loads: Loads = tomli.loads) -> Configuration:
    """What the file at `path` and the inventory it names say, parsed by `loads`.

    Raises ConfigurationError with every mistake of both files, one line each:
    `boards.toml: boards.panda-01.mac: expected ..., got ...`.
    """
    reader = Reader(Path(path), loads)
    settings = read_settings(reader)
    if settings is None:
        raise ConfigurationError(reader.mistakes)
    inventory_reader = Reader(
        reader.path.parent / (settings.server.inventory or DEFAULT_INVENTORY), loads
    )
    if settings.server.inventory is None and not inventory_reader.path.exists():
        inventory = Inventory()
    else:
        inventory = read_inventory(inventory_reader)
    if mistakes := reader.mistakes + inventory_reader.mistakes:
        raise ConfigurationError(mistakes)
    return Configuration(**structs.asdict(settings), inventory=inventory)
