"""UEFI, by PXE or by HTTP: it runs the one program that the DHCP server names.

So there is no search list, and nothing to tell it: what the hardware's `boot_file`
names is there or not. A PXE ROM does the same with a program of its own kind.

The program is the same for every board and reads no config, so there is no place for a
token either: what it starts reports from the board's address. An image that shall have
a token is booted by GRUB, iPXE or SYSLINUX, which UEFI runs as its `boot_file`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.netboot.loaders.loader import Loader, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifeguard.netboot.names import SearchName


def parse(parts: Sequence[str]) -> SearchName | None:
    """No name is known by its looks."""
    return None


def parts(config: str) -> dict[str, Part]:
    """The program is all there is."""
    return {}


UEFI = Loader(name="uefi", parse=parse, disk={"not-found": None}, parts=parts)
