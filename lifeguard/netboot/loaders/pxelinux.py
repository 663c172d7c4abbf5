"""PXELINUX, SYSLINUX EFI, and U-Boot's `pxe get`, which has learned it from them.

Each asks in `pxelinux.cfg/` by UUID, MAC, address and prefixes of it, then for a
default, to which U-Boot adds architecture, SoC and board.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifeguard.netboot.loaders.loader import Loader, parts_by
from lifeguard.netboot.names import (
    ADDRESS_PREFIX,
    MAC,
    UUID,
    SearchName,
    search_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DIRECTORY = "pxelinux.cfg"

_NAME = re.compile(f"01-{MAC}|{UUID}|{ADDRESS_PREFIX}|default(?:-.*)?", re.IGNORECASE)

# 0 is PXELINUX's normal boot. U-Boot leaves the network at it; an old one takes it
# for no localboot, misses a kernel in the label, and leaves the network too.
LOCALBOOT = b"default disk\nlabel disk\n  localboot 0\n"


def parse(parts: Sequence[str]) -> SearchName | None:
    """A name in the directory; the folder of the boot file may come before."""
    if list(parts[-2:-1]) != [DIRECTORY]:
        return None
    return search_name("pxelinux", _NAME.fullmatch(parts[-1]))


# PXELINUX itself stops when it finds no config; U-Boot goes on.
PXELINUX = Loader(
    name="pxelinux",
    parse=parse,
    disk={"not-found": None, "localboot": LOCALBOOT},
    parts=parts_by(
        # A FIT names its configuration after a "#".
        kernel=r"^\s*(?:kernel|linux|fit)\s+([^\s#]+)",
        initrd=r"(?:^\s*initrd\s+|^\s*append\s(?:.*\s)?initrd=)([^\s,]+)",
    ),
)
