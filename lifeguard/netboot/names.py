"""What a boot loader's file name says of the board it is about: words and patterns.

Pure; whether such a board is known, or such a file is there, does not belong here.
Which names are on which loader's search list is for `netboot.loaders` to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from lifeguard.model import LoaderName

if TYPE_CHECKING:
    from collections.abc import Sequence

MAC = r"(?P<mac>[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5})"
UUID = r"(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
SERIAL = r"(?P<serial>[0-9a-f]{8})"
ADDRESS_PREFIX = r"[0-9a-f]{1,8}"
"""An IPv4 address in hex, and what is left of it when the end is cut off."""


class SearchName(Struct, frozen=True):
    """A name on the search list of `loader`, and the board that it means.

    All None: the board that asks; an address is told better by the packet than by
    the name. `mac` is lower case with colons, the others are lower case. `file` is
    what a loader that asks for more than its config means.
    """

    loader: LoaderName
    mac: str | None = None
    uuid: str | None = None
    serial: str | None = None
    file: str = ""


def path_parts(filename: str) -> list[str]:
    """The folders and the file; loaders write a slash first, two, or backslashes."""
    return [part for part in re.split(r"[/\\]", filename) if part not in ("", ".")]


def search_name(
    loader: LoaderName, match: re.Match[str] | None, file: str = ""
) -> SearchName | None:
    """The board that the groups of a match tell of, None where there is no match."""
    if match is None:
        return None
    told = {key: text.lower() for key, text in match.groupdict().items() if text}
    if "mac" in told:
        told["mac"] = colons(told["mac"])
    return SearchName(loader, file=file, **told)


def colons(mac: str) -> str:
    """A MAC however its bytes are kept apart, as the inventory has it."""
    digits = re.sub("[:-]", "", mac)
    return ":".join(re.findall("..", digits))


def mac_name(mac: str) -> str:
    """The name, in its own directory, under which PXELINUX asks by a MAC."""
    return f"01-{mac.replace(':', '-')}"


def same_file(asked: Sequence[str], named: Sequence[str]) -> bool:
    """Whether both can be one file: a loader puts folders first, or leaves them out."""
    shorter = min(len(asked), len(named))
    return shorter > 0 and asked[-shorter:] == named[-shorter:]
