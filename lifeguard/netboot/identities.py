"""Which board a boot loader's request is about, by all that boards are known by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

from lifeguard.netboot.loaders import parse_search_name
from lifeguard.netboot.names import SearchName, path_parts

if TYPE_CHECKING:
    from lifeguard.model import Hardware, Inventory, LoaderName
    from lifeguard.netboot.decision import Situation


class Lab(Protocol):
    """The boards, as a boot loader's request finds them."""

    def by_mac(self, mac: str) -> Situation | None: ...

    def by_address(self, address: str) -> Situation | None: ...


class Question(NamedTuple):
    """What is asked for; `name` None: it is a file like any other, whoever asks."""

    name: SearchName | None
    situation: Situation | None
    """Of the board that is meant; None: of none that is known."""


class Identities:
    """Finds boards by what a name says and by who asks."""

    def __init__(self, lab: Lab, inventory: Inventory) -> None:
        self._lab = lab
        boards = inventory.boards.values()
        self._macs = macs_by_uuid(inventory)
        self._macs |= {board.serial: board.mac for board in boards if board.serial}
        self._loaders: dict[str, set[LoaderName]] = {}
        """By hardware, those by which images boot on it."""
        for image in inventory.images.values():
            for hardware, boot in image.boot.items():
                self._loaders.setdefault(hardware, set()).add(boot.loader)

    def question(self, filename: str, address: str) -> Question:
        """What it means that the board at `address` asks for this file."""
        name = parse_search_name(filename)
        situation = self._find(name, address)
        if situation is not None:
            name = self._of_hardware(filename, name, situation.hardware)
        return Question(name, situation)

    def _find(self, name: SearchName | None, address: str) -> Situation | None:
        """A board's own marks tell more than its address."""
        told = name or SearchName("pxelinux")
        mac = told.mac or self._macs.get(told.uuid or told.serial or "")
        by_mac = self._lab.by_mac(mac) if mac is not None else None
        return by_mac or self._lab.by_address(address)

    def _of_hardware(
        self, filename: str, name: SearchName | None, hardware: Hardware
    ) -> SearchName | None:
        """A name on another loader's search list is a file like any other."""
        if path_parts(filename) in map(path_parts, hardware.boot_file):
            return SearchName("uefi", file=filename)
        # U-Boot and PXELINUX ask on hardware, too, for which the lab has no image.
        loaders = self._loaders.get(hardware.name, {"pxelinux"})
        return name if name is not None and name.loader in loaders else None


def macs_by_uuid(inventory: Inventory) -> dict[str, str]:
    """The boards' MACs by the UUIDs that they may be called by.

    SMBIOS keeps the first three numbers of a UUID the wrong way round. Some firmware
    puts them right for what it sends, some does not: PXELINUX of one machine asks for
    another name than iPXE.
    """
    boards = inventory.boards.values()
    told = {UUID(board.uuid): board.mac for board in boards if board.uuid}
    turned = {str(UUID(bytes=uuid.bytes_le)): mac for uuid, mac in told.items()}
    return turned | {str(uuid): mac for uuid, mac in told.items()}
