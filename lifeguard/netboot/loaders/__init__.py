"""The boot loaders that lifeguard speaks to, each in a module of its own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lifeguard.netboot.loaders.grub import GRUB
from lifeguard.netboot.loaders.ipxe import IPXE
from lifeguard.netboot.loaders.loader import PARTS, Loader, Part
from lifeguard.netboot.loaders.pxelinux import PXELINUX
from lifeguard.netboot.loaders.raspberry_pi import RASPBERRY_PI
from lifeguard.netboot.loaders.uefi import UEFI
from lifeguard.netboot.names import SearchName, path_parts

if TYPE_CHECKING:
    from lifeguard.model import LoaderName

__all__ = ["LOADERS", "PARTS", "Loader", "Part", "parse_search_name"]

LOADERS: dict[LoaderName, Loader] = {
    loader.name: loader for loader in (PXELINUX, IPXE, GRUB, RASPBERRY_PI, UEFI)
}


@lru_cache(maxsize=512)  # a lab asks for the same names again and again
def parse_search_name(filename: str) -> SearchName | None:
    """What a name on a search list means, None for any other file.

    No name is on two lists.
    """
    parts = path_parts(filename)
    for loader in LOADERS.values():
        if (name := loader.parse(parts)) is not None:
            return name
    return None
