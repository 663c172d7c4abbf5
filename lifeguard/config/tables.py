"""The tables of `boards.toml` as they are written; each is read by itself."""

from __future__ import annotations

from msgspec import Struct

from lifeguard.config.forms import (
    Count,
    DiskBoot,
    Figures,
    IdleOff,
    ImageRole,
    LifecycleName,
    Loader,
    MacAddress,
    Name,
    OffCheck,
    OffSeconds,
    Patience,
    PowerOutlet,
    SecondsApart,
    Serial,
    Table,
    Text,
    Uuid,
)
from lifeguard.config.places import Address, HealthCheck


class RelayBoardTable(Struct, frozen=True, kw_only=True):
    """[relay_boards.NAME], beside the keys that are its driver's options."""

    driver: Text
    off_seconds: OffSeconds = 1.0
    on_at_once: Count = 1
    on_apart: SecondsApart = 0.0
    together: Count = 16
    patience: Patience = 86400.0
    off_check: OffCheck = 900.0


class HardwareTable(Struct, frozen=True, kw_only=True):
    """[hardware.NAME]; `states` overrides figures of the lifecycle by state.

    `idle_off` is for its boards that have power; 0 is never.
    """

    lifecycle: LifecycleName = "standard"
    disk_boot: DiskBoot = "not-found"
    boot_file: tuple[Text, ...] = ()
    health: tuple[HealthCheck, ...] = ("ping",)
    states: dict[str, Figures] = {}
    idle_off: IdleOff = 0.0


class BootTable(Struct, frozen=True, kw_only=True):
    """[images.NAME.boot.HARDWARE]; what it needs is the loader's to say."""

    loader: Loader
    template: Text | None = None
    files: Text | None = None


class UnknownBoardsTable(Struct, frozen=True, kw_only=True):
    """[unknown_boards.LOADER]"""

    template: Text
    files: Text | None = None


class ImageTable(Struct, frozen=True, kw_only=True):
    """[images.NAME]; `health` None: the hardware's."""

    health: tuple[HealthCheck, ...] | None = None
    role: ImageRole | None = None
    boot: dict[str, BootTable] = {}


class BoardTable(Struct, frozen=True, kw_only=True):
    """[boards.NAME]; `idle_off` None: the hardware's."""

    mac: MacAddress
    hardware: Name
    address: Address | None = None
    power: tuple[PowerOutlet, ...] = ()
    uuid: Uuid | None = None
    serial: Serial | None = None
    idle_off: IdleOff | None = None


class Tables(Struct, frozen=True, kw_only=True):
    """The whole file, by name. What is in a relay board's table, its driver knows."""

    relay_boards: dict[str, Table] = {}
    hardware: dict[str, HardwareTable] = {}
    images: dict[str, ImageTable] = {}
    boards: dict[str, BoardTable] = {}
    unknown_boards: dict[str, UnknownBoardsTable] = {}
