"""Real boot loaders from power-on to Ready: installed over the network, then on disk.

Each is told twice by lifeguard what to boot: the installer, and then the disk in the
loader's own way. How far the first boot came is in the history.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from .pc_lab import Way, pc_lab
from .test_real_board import REIMAGE

pytestmark = [pytest.mark.system, pytest.mark.guests]

IPXE = Way("bios", "ipxe", "exit", "URL/files/boot.ipxe")

# QEMU's own DHCP server names itself as the next server, and no other can be had.
TO_PXELINUX = """\
#!ipxe
set next-server 127.0.0.1
chain tftp://127.0.0.1/pxelinux.0
"""
PXELINUX = Way(
    "bios",
    "pxelinux",
    "localboot",
    "URL/files/start.ipxe",
    programs={
        "pxelinux.0": ("/usr/lib/PXELINUX/pxelinux.0", "pxelinux"),
        "ldlinux.c32": (
            "/usr/lib/syslinux/modules/bios/ldlinux.c32",
            "syslinux-common",
        ),
    },
    scripts={"start.ipxe": TO_PXELINUX},
)

GRUB = Way(
    "uefi",
    "grub",
    "chainload",
    "grubnetx64.efi",
    programs={
        "grubnetx64.efi": (
            "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
            "grub-efi-amd64-signed",
        )
    },
    boot_file="grubnetx64.efi",
)

# The image is one program, which UEFI runs by itself and which is given no token.
UEFI_HTTP = Way(
    "uefi-http", "uefi", "not-found", "URL/files/boot.efi", boot_file="boot.efi"
)

SEEN = [
    "boot-config-fetched",
    "initrd-begun",
    "initrd-fetched",
    "kernel-begun",
    "kernel-fetched",
]


async def reimage(directory: Path, way: Way, seen: list[str] = SEEN) -> None:
    """From power-on to Ready, with all of the boot seen."""
    async with pc_lab(reactor, directory, way) as daemon:
        await daemon.request("rq-reimage", {"image": "debian"})
        await daemon.board_moves(REIMAGE, seconds=180)
        board = await daemon.board()
        assert (board["image"], sorted(board["progress"]["steps"])) == ("debian", seen)


@ensureDeferred
async def test_ipxe_boots_a_script_over_http_and_then_the_disk(tmp_path: Path) -> None:
    await reimage(tmp_path, IPXE)


@ensureDeferred
async def test_pxelinux_boots_over_tftp_and_then_the_disk(tmp_path: Path) -> None:
    await reimage(tmp_path, PXELINUX)


@ensureDeferred
async def test_uefi_loads_grub_by_pxe_which_loads_the_disks_own_loader(
    tmp_path: Path,
) -> None:
    await reimage(tmp_path, GRUB)


@pytest.mark.firmware
@ensureDeferred
async def test_uefi_runs_an_image_over_http_and_then_the_disk(tmp_path: Path) -> None:
    """EDK2 has all but given up when it boots the disk: it tries IPv6 for a minute."""
    await reimage(tmp_path, UEFI_HTTP, ["boot-config-fetched"])
