"""GRUB, netbooted: `grub.cfg` beside it, with a leading slash.

It asks for `grub.cfg-01-MAC`, `grub.cfg-UUID` and `grub.cfg-` with the address and
prefixes of it in hex, then for `grub.cfg`; as distributions build it, for that only.
A config that goes on to a `grub.cfg` of the lab's would come back to itself.
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

_NAME = re.compile(
    rf"grub\.cfg(?:-(?:01-{MAC}|{UUID}|{ADDRESS_PREFIX}))?", re.IGNORECASE
)

# A BIOS goes on to the disk at it. EDK2 goes on when a boot option has failed, but
# GRUB 2.06 succeeds whatever it is told, and EDK2 shows its menu: chainload is better.
EXIT = b"exit 1\n"
CHAINLOAD = b"""\
for loader in /EFI/BOOT/BOOTX64.EFI /EFI/BOOT/BOOTAA64.EFI /EFI/BOOT/BOOTARM.EFI; do
  if search --no-floppy --set=root --file $loader; then chainloader $loader; boot; fi
done
exit 1
"""


def parse(parts: Sequence[str]) -> SearchName | None:
    """A config's name, in any folder: its prefix is built in, or its boot file's."""
    return search_name("grub", _NAME.fullmatch(parts[-1])) if parts else None


# "not-found" is for its boot file alone: without a config GRUB stops at its prompt.
GRUB = Loader(
    name="grub",
    parse=parse,
    disk={"exit": EXIT, "chainload": CHAINLOAD},
    parts=parts_by(
        kernel=r"^\s*(?:linux|linux16|linuxefi|chainloader)\s+(\S+)",
        initrd=r"^\s*(?:initrd|initrd16|initrdefi)\s+(\S+)",
    ),
)
