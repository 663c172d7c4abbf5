"""U-Boot's environment as its flash keeps it, and what ours makes the board do."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT_SIZE = 0x40000
FLASH_SIZE = 64 << 20
"""Both as Debian's U-Boot for `qemu_arm64` was built, in bytes."""

BOOT_ORDER = "; ".join(
    [
        "if pxe get; then pxe boot; fi",
        "sysboot virtio 0 any ${pxefile_addr_r} /extlinux/extlinux.conf",
    ]
)
"""The network says what to boot; where it says nothing, the disk is booted."""


def environment(mac: str) -> dict[str, str]:
    """A board on QEMU's user network, whose TFTP server is the host's 127.0.0.1.

    QEMU answers port 69 of 10.0.2.2 by itself; an address off the board's network
    goes by the gateway to the host's loopback.
    """
    return {
        "bootcmd": BOOT_ORDER,
        "bootdelay": "-2",
        "ethaddr": mac,
        "ipaddr": "10.0.2.15",
        "netmask": "255.255.255.0",
        "gatewayip": "10.0.2.2",
        "serverip": "127.0.0.1",
        # Where Debian's own environment puts things; it has no place to uncompress.
        "fdt_addr": "0x40000000",
        "pxefile_addr_r": "0x40300000",
        "kernel_addr_r": "0x40400000",
        "ramdisk_addr_r": "0x44000000",
        "kernel_comp_addr_r": "0x46000000",
        "kernel_comp_size": "0x2000000",
    }


def write_flash(path: Path, variables: Mapping[str, str]) -> None:
    """The second flash bank, sparse, with the environment at its start."""
    text = "".join(f"{name}={value}\0" for name, value in variables.items())
    data = text.encode().ljust(ENVIRONMENT_SIZE - 4, b"\0")
    path.write_bytes(struct.pack("<I", zlib.crc32(data)) + data)
    with path.open("r+b") as flash:
        flash.truncate(FLASH_SIZE)
