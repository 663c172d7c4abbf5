"""Which board a boot loader's file name means: the search list of PXELINUX.

U-Boot's `pxe get` asks for the same names. Pure; whether such a board is known, or
such a file is there, does not belong here.
"""

from __future__ import annotations

import re

from msgspec import Struct

DIRECTORY = "pxelinux.cfg"

_ETHERNET_MAC = re.compile(r"01((?:-[0-9a-f]{2}){6})", re.IGNORECASE)

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ADDRESS_PREFIX = r"[0-9a-f]{1,8}"
_DEFAULT = r"default(-.*)?"  # U-Boot adds architecture, SoC and board
_OWN = re.compile(f"{_UUID}|{_ADDRESS_PREFIX}|{_DEFAULT}", re.IGNORECASE)


class SearchName(Struct, frozen=True):
    """The board that is meant, by MAC in lower case with colons.

    None: the board that asks. UUIDs are in no inventory, and an address is told
    better by the packet than by the name.
    """

    mac: str | None = None


def parse_search_name(filename: str) -> SearchName | None:
    """What a name on a search list means, None for any other file.

    Loaders put the folder of their boot file first, a slash, or backslashes.
    """
    parts = [part for part in re.split(r"[/\\]", filename) if part not in ("", ".")]
    if parts[-2:-1] != [DIRECTORY]:
        return None
    if match := _ETHERNET_MAC.fullmatch(parts[-1]):
        return SearchName(match[1][1:].replace("-", ":").lower())
    return SearchName() if _OWN.fullmatch(parts[-1]) else None


def mac_name(mac: str) -> str:
    """The name, inside `DIRECTORY`, under which a loader asks by its MAC."""
    return f"01-{mac.replace(':', '-')}"
