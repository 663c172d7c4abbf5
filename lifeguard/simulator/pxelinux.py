"""What U-Boot's `pxe boot` does with names and text: pure, no network.

The order of the search list is the one seen on the wire from U-Boot 2023.01.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from msgspec import Struct


class Netboot(Struct, frozen=True):
    """A label that boots over the network. File names as the config writes them."""

    kernel: str
    initrd: str | None
    command_line: dict[str, str]
    """The `name=value` words of APPEND."""


def search_list(mac: str, address: str) -> list[str]:
    """The names asked for, one after the other, until one is there."""
    digits = f"{int(IPv4Address(address)):08X}"
    names = [f"01-{mac.replace(':', '-')}"]
    names += [digits[:length] for length in range(len(digits), 0, -1)]
    return [f"pxelinux.cfg/{name}" for name in [*names, "default-arm", "default"]]


def parse_config(text: str) -> Netboot | None:
    """What the default label boots, else the first; None is the disk.

    A label that says LOCALBOOT or names no kernel is the disk's too.
    """
    default: str | None = None
    labels: dict[str, dict[str, str]] = {}
    label: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        keyword, value = [*line.split(maxsplit=1), "", ""][:2]
        match keyword.lower():
            case "default":
                default = value
            case "label":
                label = labels.setdefault(value, {})
            case "linux":
                label["kernel"] = value
            case other:
                label[other] = value
    chosen = labels.get(default or "") or next(iter(labels.values()), {})
    return _netboot(chosen)


def _netboot(label: dict[str, str]) -> Netboot | None:
    if "localboot" in label or not label.get("kernel"):
        return None
    words = [word.partition("=") for word in label.get("append", "").split()]
    command_line = {name: value for name, _, value in words}
    initrd = label.get("initrd") or command_line.get("initrd")
    return Netboot(label["kernel"], initrd, command_line)
