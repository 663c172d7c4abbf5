"""What there is to know of a boot loader: a record, filled in by a module for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lifeguard.model import DiskBoot, LoaderName
    from lifeguard.netboot.names import SearchName

Part = Literal["kernel", "initrd"]
"""What a boot loader loads beside its config, and lifeguard looks out for."""

PARTS: tuple[Part, ...] = ("kernel", "initrd")

# Of a URL, of GRUB's "(tftp)/kernel" and of iPXE's "${base}/kernel" the path is left.
_BEFORE_PATH = re.compile(r"^(.*[)}]|\w+://[^/]*)")


class Loader(NamedTuple):
    """One boot loader. Its names and texts are pure knowledge, nothing is looked up.

    `parse` takes the parts of a path and knows those that are on the search list.
    `disk` has what the loader reads for each way of "boot your disk" that it knows;
    None: nothing is found. `parts` are the files that a config of its names.
    """

    name: LoaderName
    parse: Callable[[Sequence[str]], SearchName | None]
    disk: Mapping[DiskBoot, bytes | None]
    parts: Callable[[str], dict[str, Part]]


def parts_by(**patterns: str) -> Callable[[str], dict[str, Part]]:
    """Finds the files by a pattern for each part, whose one group is the file."""
    compiled = {
        part: re.compile(patterns[part], re.IGNORECASE | re.MULTILINE) for part in PARTS
    }

    def parts(config: str) -> dict[str, Part]:
        return {
            _BEFORE_PATH.sub("", file): part
            for part, pattern in compiled.items()
            for file in pattern.findall(config)
        }

    return parts
