"""The configuration as a start takes it: read, and every boot of it tried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomli

from lifeguard.config import (
    DEFAULT_INVENTORY,
    Configuration,
    ConfigurationError,
    Mistake,
    load,
)
from lifeguard.netboot.parameters import Server
from lifeguard.netboot.rehearsal import rehearse

if TYPE_CHECKING:
    from pathlib import Path

    from lifeguard.config.reader import Loads


def checked(path: Path, loads: Loads = tomli.loads) -> Configuration:
    """What the file at `path` says, its boots rehearsed. Raises ConfigurationError."""
    configuration = load(path, loads)
    server = configuration.server
    if mistakes := rehearse(configuration.inventory, Server(server.name, server.url)):
        file = path.parent / (server.inventory or DEFAULT_INVENTORY)
        raise ConfigurationError([Mistake(file, (), each) for each in mistakes])
    return configuration


def checked_aside(path: Path) -> Configuration:
    """The same in a thread: the parser that is compiled lets no other run meanwhile."""
    from tomllib import loads  # a start does without it

    return checked(path, loads)
