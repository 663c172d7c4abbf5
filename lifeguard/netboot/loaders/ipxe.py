"""iPXE: a script, which the DHCP server names, over TFTP or HTTP.

`boot.ipxe` and iPXE's own `autoexec.ipxe` mean the board that asks. A script of the
lab's, such as one built into iPXE, may tell more: `chain tftp://SERVER/${mac}.ipxe`,
with `${mac:hexhyp}`, `01-${mac:hexhyp}` and `${uuid}` as good.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifeguard.netboot.loaders.loader import Loader, parts_by
from lifeguard.netboot.names import MAC, UUID, SearchName, search_name

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(rf"(?:boot|autoexec|(?:01-)?{MAC}|{UUID})\.ipxe", re.IGNORECASE)

# UEFI goes on in its boot order when a boot option has failed, and only then.
EXIT = b"#!ipxe\nexit 1\n"
SANBOOT = b"#!ipxe\nsanboot --no-describe --drive 0x80 || exit 1\n"

_OPTIONS = r"(?:--?(?:n|name|t|timeout)[\s=]\S+\s+|-\S+\s+)*"


def parse(parts: Sequence[str]) -> SearchName | None:
    """A script's name, in any folder."""
    return search_name("ipxe", _NAME.fullmatch(parts[-1])) if parts else None


# Without a script iPXE complains and goes on, as it does after `exit`: to the next
# boot device. Some BIOSes hang at that; there `sanboot` starts the first disk.
IPXE = Loader(
    name="ipxe",
    parse=parse,
    disk={"not-found": None, "exit": EXIT, "sanboot": SANBOOT},
    parts=parts_by(
        kernel=rf"^\s*kernel\s+{_OPTIONS}(\S+)",
        initrd=rf"^\s*initrd\s+{_OPTIONS}(\S+)",
    ),
)
