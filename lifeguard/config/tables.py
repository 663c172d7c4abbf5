"""The tables of `boards.toml` as they are written; each is read by itself."""

from __future__ import annotations

from msgspec import Struct

from lifeguard.config.forms import (
    Address,
    Dialect,
    DiskBoot,
    Driver,
    Figures,
    HealthCheck,
    ImageRole,
    LifecycleName,
    Loader,
    MacAddress,
    Name,
    OffSeconds,
    PowerOutlet,
    RelayBoardAddress,
    Text,
)


class RelayBoardTable(Struct, frozen=True, kw_only=True):
    """[relay_boards.NAME]"""

    driver: Driver
    address: RelayBoardAddress
    off_seconds: OffSeconds = 1.0
    dialect: Dialect = "classic"


class HardwareTable(Struct, frozen=True, kw_only=True):
    """[hardware.NAME]; `states` overrides figures of the lifecycle by state."""

    lifecycle: LifecycleName = "standard"
    disk_boot: DiskBoot = "not-found"
    health: tuple[HealthCheck, ...] = ("ping",)
    states: dict[str, Figures] = {}


class BootTable(Struct, frozen=True, kw_only=True):
    """[images.NAME.boot.HARDWARE]"""

    loader: Loader
    template: Text


class ImageTable(Struct, frozen=True, kw_only=True):
    """[images.NAME]; `health` None: the hardware's."""

    health: tuple[HealthCheck, ...] | None = None
    role: ImageRole | None = None
    boot: dict[str, BootTable] = {}


class BoardTable(Struct, frozen=True, kw_only=True):
    """[boards.NAME]"""

    mac: MacAddress
    hardware: Name
    address: Address | None = None
    power: tuple[PowerOutlet, ...] = ()


class Tables(Struct, frozen=True, kw_only=True):
    """The whole file, by name."""

    relay_boards: dict[str, RelayBoardTable] = {}
    hardware: dict[str, HardwareTable] = {}
    images: dict[str, ImageTable] = {}
    boards: dict[str, BoardTable] = {}
