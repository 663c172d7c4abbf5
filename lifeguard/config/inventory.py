"""What `boards.toml` says of the lab, as the records of `lifeguard.model`.

Here is checked what must hold between its tables: what is named exists, and what must
belong to one only does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from lifeguard.config.forms import LOADER
from lifeguard.config.outside import Outside
from lifeguard.config.reader import did_you_mean, dotted
from lifeguard.config.tables import (
    BoardTable,
    BootTable,
    HardwareTable,
    ImageTable,
    RelayBoardTable,
    Tables,
    UnknownBoardsTable,
)
from lifeguard.lifecycle import LifecycleError
from lifeguard.model import Board, Boot, Hardware, Image, Inventory, Outlet, RelayBoard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.config.drivers import Driver
    from lifeguard.config.reader import Key, Reader
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import LoaderName

INRUSH_SECONDS = 30.0
"""How long limits on inrush may hold up the last of the boards that are cycled."""

_FILES_LOADERS = {"raspberry-pi", "uefi"}
_TEMPLATE_LOADERS = {"pxelinux", "ipxe", "grub", "raspberry-pi"}


def read_inventory(reader: Reader) -> Inventory:
    """The lab, complete unless the reader has mistakes."""
    return _inventory(reader, reader.read(Tables))


def inventory_of(document: Mapping[str, Any], reader: Reader) -> Inventory:
    """The lab that the tables of a file which is not written yet would declare."""
    return _inventory(reader, reader.take(Tables, document))


def _inventory(reader: Reader, tables: Tables | None) -> Inventory:
    return Inventory() if tables is None else _Builder(reader, tables).inventory()


class _Builder:
    """Makes the records of one file; remembers who owns what on the way."""

    def __init__(self, reader: Reader, tables: Tables) -> None:
        self._reader = reader
        self._tables = tables
        self._owners: dict[str, str] = {}
        self._drivers: dict[str, Driver] = {}
        """Of the relay boards, by their names."""
        self._outside = Outside(reader)

    def inventory(self) -> Inventory:
        tables = self._tables
        return Inventory(
            relay_boards={
                name: relay_board
                for name, table in tables.relay_boards.items()
                if (relay_board := self._relay_board(name, table)) is not None
            },
            hardware={
                name: hardware
                for name, table in tables.hardware.items()
                if (hardware := self._hardware(name, table)) is not None
            },
            images={
                name: self._image(name, table) for name, table in tables.images.items()
            },
            boards={
                name: self._board(name, table) for name, table in tables.boards.items()
            },
            unknown_boards={
                loader: boot
                for loader, table in tables.unknown_boards.items()
                if (boot := self._unknown_boards(loader, table)) is not None
            },
        )

    def _relay_board(self, name: str, table: dict[str, Any]) -> RelayBoard | None:
        keys = ("relay_boards", name)
        if (driver := self._driver(table, *keys)) is None:
            return None
        self._drivers[name] = driver
        common, options = self._reader.pair(
            RelayBoardTable, driver.options, table, *keys
        )
        if common is None or options is None:
            return None
        address = driver.address(options)
        if driver.exclusive:
            self._claim(address, name, *keys, "address")
        self._check_inrush(common, *keys)
        return RelayBoard(
            name=name, address=address, options=options, **structs.asdict(common)
        )

    def _driver(self, table: dict[str, Any], *keys: Key) -> Driver | None:
        keys = (*keys, "driver")
        if "driver" not in table:
            self._reader.mistake("missing", *keys)
            return None
        return self._outside.driver(table["driver"], *keys)

    def _check_inrush(self, table: RelayBoardTable, *keys: Key) -> None:
        """All whose cycles are under way must be on again well within their time."""
        seconds = (table.together - 1) // table.on_at_once * table.on_apart
        if seconds > INRUSH_SECONDS:
            reason = (
                f"{table.together} boards together would take {seconds:g} s to be"
                f" switched on, at most {INRUSH_SECONDS:g} s are allowed"
            )
            self._reader.mistake(reason, *keys, "on_apart")

    def _hardware(self, name: str, table: HardwareTable) -> Hardware | None:
        keys = ("hardware", name)
        lifecycle = self._outside.lifecycle(table.lifecycle, *keys, "lifecycle")
        if lifecycle is None:
            return None
        return Hardware(
            name=name,
            lifecycle=self._with_figures(lifecycle, table.states, *keys, "states"),
            disk_boot=table.disk_boot,
            boot_file=table.boot_file,
            health=table.health,
        )

    def _with_figures(
        self, lifecycle: Lifecycle, states: Mapping[str, dict[str, Any]], *keys: Key
    ) -> Lifecycle:
        for state, figures in states.items():
            try:
                lifecycle = lifecycle.with_figures({state: figures})
            except LifecycleError as error:
                self._reader.mistake(str(error), *keys)
        return lifecycle

    def _image(self, name: str, table: ImageTable) -> Image:
        if table.role is not None:
            self._role(table.role, name, table.boot)
        return Image(
            name=name,
            boot={
                hardware: self._image_boot(name, hardware, boot)
                for hardware, boot in table.boot.items()
            },
            health=table.health,
            role=table.role,
        )

    def _role(self, role: str, name: str, boot: Mapping[str, BootTable]) -> None:
        if not boot and not self._reader.mistaken("images", name, "boot"):
            reason = f"a {role} image needs a boot for some hardware"
            self._reader.mistake(reason, "images", name, "role")
        for hardware in boot:
            self._claim(f"the {role} of {hardware}", name, "images", name, "role")

    def _image_boot(self, image: str, hardware: str, table: BootTable) -> Boot:
        keys = ("images", image, "boot", hardware)
        self._refer(self._tables.hardware, "hardware", hardware, *keys)
        boots_on = self._tables.hardware.get(hardware)
        if table.loader == "uefi" and boots_on is not None and not boots_on.boot_file:
            reason = f"missing, {dotted(keys)} needs it"
            self._reader.mistake(reason, "hardware", hardware, "boot_file")
        return self._boot(table.loader, table.template, table.files, *keys)

    def _unknown_boards(self, name: str, table: UnknownBoardsTable) -> Boot | None:
        keys = ("unknown_boards", name)
        loader: LoaderName | None = self._reader.single(LOADER, name, *keys)
        if loader == "uefi":
            reason = "no name tells UEFI from any other client"
            self._reader.mistake(reason, *keys)
        if loader is None or loader == "uefi":
            return None
        return self._boot(loader, table.template, table.files, *keys)

    def _boot(
        self, loader: LoaderName, template: str | None, files: str | None, *keys: Key
    ) -> Boot:
        for key, value, loaders in (
            ("template", template, _TEMPLATE_LOADERS),
            ("files", files, _FILES_LOADERS),
        ):
            if value is None and loader in loaders:
                self._reader.mistake("missing", *keys, key)
            if value is not None and loader not in loaders:
                self._reader.mistake(f"not for {loader}", *keys, key)
        if template is not None:
            template = self._outside.template(template, *keys, "template")
        return Boot(loader=loader, template=template, files=files)

    def _board(self, name: str, table: BoardTable) -> Board:
        keys = ("boards", name)
        self._claim(table.mac, name, *keys, "mac")
        self._refer(
            self._tables.hardware, "hardware", table.hardware, *keys, "hardware"
        )
        for key in ("address", "uuid", "serial"):
            if (value := getattr(table, key)) is not None:
                self._claim(value, name, *keys, key)
        if table.address is None and not self._reader.mistaken(*keys, "address"):
            self._without_address(table.hardware, *keys, "address")
        for outlet in table.power:
            self._outlet(outlet, name, *keys, "power")
        return Board(
            name=name,
            mac=table.mac,
            hardware=table.hardware,
            address=table.address,
            power=table.power,
            uuid=table.uuid,
            serial=table.serial,
            idle_off=self._idle_off(table, *keys, "idle_off"),
        )

    def _without_address(self, hardware: str, *keys: Key) -> None:
        """Such a board reports by token, and is given it in its loader's config."""
        for image, table in self._tables.images.items():
            boot = table.boot.get(hardware)
            if boot is not None and boot.loader == "uefi":
                reason = f"missing: UEFI alone gives {image} no token to report with"
                self._reader.mistake(reason, *keys)

    def _idle_off(self, table: BoardTable, *keys: Key) -> float | None:
        if table.idle_off and not table.power:
            self._reader.mistake("the board has no power outlet to switch", *keys)
        hardware = self._tables.hardware.get(table.hardware)
        seconds = table.idle_off
        if seconds is None and hardware is not None:
            seconds = hardware.idle_off
        return (seconds or None) if table.power else None

    def _outlet(self, outlet: Outlet, board: str, *keys: Key) -> None:
        relay_boards = self._tables.relay_boards
        self._refer(relay_boards, "relay_boards", outlet.relay_board, *keys)
        if (driver := self._drivers.get(outlet.relay_board)) is None:
            return
        if self._reader.single(driver.outlet, outlet.rest, *keys) is not None:
            self._claim(str(outlet), board, *keys)

    def _refer(
        self, tables: Mapping[str, object], kind: str, name: str, *keys: Key
    ) -> None:
        """`name` is used at `keys` and needs a table of its own."""
        if name in tables or self._reader.mistaken(kind, name):
            return
        self._reader.mistake(
            f"no [{dotted((kind, name))}] in this file{did_you_mean(name, tables)}",
            *keys,
        )

    def _claim(self, what: str, owner: str, *keys: Key) -> None:
        """`what` belongs to the first that says so."""
        if what not in self._owners:
            self._owners[what] = owner
            return
        reason = f"{what} belongs to {self._owners[what]} already"
        self._reader.mistake(reason, *keys)
