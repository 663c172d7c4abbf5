"""The firmware of the Raspberry Pi 2 to 5, which loads a kernel without a loader.

It asks for some twenty files: first in a folder of its own, named by its serial
number or its MAC, then at the root what it has not found there. Its config is
`cmdline.txt`; all else is as good for every board that boots the same image.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifeguard.netboot.loaders.loader import Loader, Part
from lifeguard.netboot.names import MAC, SERIAL, SearchName, search_name

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIG = "cmdline.txt"

_FOLDER = re.compile(f"{SERIAL}|{MAC}", re.IGNORECASE)

# What the ROMs and bootloaders of all models were seen, or are documented, to load.
_OWN = re.compile(
    r"bootcode\.bin|bootsig\.bin|autoboot\.txt|bootcfg\.txt|config\.txt|cmdline\.txt"
    r"|(?:start|fixup)[_4]?(?:cd|db|x)?\.(?:elf|dat)|recovery\.elf|recover4\.elf"
    r"|(?:pieeprom|recovery|vl805)\.\w+|boot\.(?:img|sig)|dt-blob\.bin"
    r"|armstub[\w.-]*\.bin|bcm2\d{3}-[\w.-]+\.dtb"
    r"|kernel[\w-]*\.img|recovery\d*\.img|initramfs[\w-]*"
)
_OVERLAYS = "overlays"

_MODELS = ("", "7", "7l", "8", "_2712")
_KERNELS = (*(f"kernel{model}.img" for model in _MODELS), "vmlinuz", "u-boot.bin")
_INITRDS = (*(f"initramfs{model}" for model in _MODELS), "initrd.img")


def parse(parts: Sequence[str]) -> SearchName | None:
    """All in a folder of a board's own, at the root what firmware asks for there."""
    if len(parts) > 1 and (match := _FOLDER.fullmatch(parts[0])):
        return search_name("raspberry-pi", match, "/".join(parts[1:]))
    if len(parts) == 1 and _OWN.fullmatch(parts[0]):
        return SearchName("raspberry-pi", file=parts[0])
    if len(parts) == 2 and parts[0] == _OVERLAYS:
        return SearchName("raspberry-pi", file="/".join(parts))
    return None


def parts(config: str) -> dict[str, Part]:
    """The model's own names, or those that labs mostly give in `config.txt`."""
    kernels: dict[str, Part] = dict.fromkeys(_KERNELS, "kernel")
    initrds: dict[str, Part] = dict.fromkeys(_INITRDS, "initrd")
    return kernels | initrds


# The firmware that finds nothing goes on in its boot order.
RASPBERRY_PI = Loader(
    name="raspberry-pi", parse=parse, disk={"not-found": None}, parts=parts
)
