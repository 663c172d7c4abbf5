"""What a lab consists of, as its inventory says: it comes from files."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from msgspec import Struct

from lifeguard.lifecycle import Lifecycle

Role = Literal["self-test", "maintenance"]

LoaderName = Literal["pxelinux", "ipxe", "grub", "raspberry-pi", "uefi"]
"""A boot loader; U-Boot is a "pxelinux", whose search list and configs it reads."""

DiskBoot = Literal["not-found", "localboot", "exit", "sanboot", "chainload"]
"""How "boot your disk" is said; which of these a loader knows, `netboot.loaders` says.

"not-found": it finds nothing to boot, and its firmware goes on to the disk.
"""


class Outlet(NamedTuple):
    """One relay of a relay board. `rest` is the driver's own: "bank/relay"."""

    relay_board: str
    rest: str

    def __str__(self) -> str:
        return f"{self.relay_board}/{self.rest}"


class RelayBoard(Struct, frozen=True, kw_only=True):
    """A networked switch, as the inventory describes it. Times in seconds."""

    name: str
    driver: str
    address: str
    """Where it is, for people."""
    off_seconds: float = 1.0
    on_at_once: int = 1
    on_apart: float = 0.0
    """Between the switching on of so many outlets and the next: inrush."""
    together: int = 16
    """Boards whose power cycles may be under way."""
    patience: float = 86400.0
    """How long boards wait for it while it is ill, before they are given up."""
    off_check: float = 900.0
    """Between two looks at an outlet that is to be off; 0: never."""
    options: Any = None
    """Its driver's own, a Struct."""


class Boot(Struct, frozen=True, kw_only=True):
    """How one hardware type boots one image, or a board that is not known.

    `files` is below the TFTP root: all that a Raspberry Pi loads beside its command
    line, or the program that UEFI runs. UEFI alone needs no template.
    """

    loader: LoaderName
    template: str | None
    """Absolute path of the Jinja2 template."""
    files: str | None = None


class Image(Struct, frozen=True, kw_only=True):
    """What a board can be made to run. `health` None: the hardware's."""

    name: str
    boot: dict[str, Boot] = {}
    health: tuple[str, ...] | None = None
    role: Role | None = None


class Hardware(Struct, frozen=True, kw_only=True):
    """A kind of board; its lifecycle has the inventory's figures built in.

    `boot_file` is what its firmware asks for first, as the DHCP server names it.
    """

    name: str
    lifecycle: Lifecycle
    disk_boot: DiskBoot = "not-found"
    boot_file: tuple[str, ...] = ()
    health: tuple[str, ...] = ("ping",)


class Board(Struct, frozen=True, kw_only=True):
    """A managed computer, as the inventory describes it.

    `mac` is lower case with colons. Without an `address` the board reports by
    token only and is never polled; without `power` nothing can reboot it. Some boot
    loaders name it by its `uuid`, a Raspberry Pi by its `serial`: the last 8 digits,
    in lower case hex as both are.
    """

    name: str
    mac: str
    hardware: str
    address: str | None = None
    power: tuple[Outlet, ...] = ()
    uuid: str | None = None
    serial: str | None = None
    idle_off: float | None = None
    """Seconds after which it is switched off when nobody wants it; None: never."""


class Inventory(Struct, frozen=True, kw_only=True):
    """Everything `boards.toml` declares, by name.

    `unknown_boards` is what boards that are not in it boot, by loader.
    """

    relay_boards: dict[str, RelayBoard] = {}
    hardware: dict[str, Hardware] = {}
    images: dict[str, Image] = {}
    boards: dict[str, Board] = {}
    unknown_boards: dict[str, Boot] = {}

    def image_of_role(self, role: Role, hardware: str) -> Image | None:
        """The image that plays `role` on that hardware; at most one does."""
        for image in self.images.values():
            if image.role == role and hardware in image.boot:
                return image
        return None
