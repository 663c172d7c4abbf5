"""Real firmware beside a DHCP server that gives addresses only: QEMU's ROMs and EDK2.

A board that shall netboot finds its loader, from power-on; one that boots its disk is
not kept waiting.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from lifeguard.simulator.ports import choose_ports
from tests.process_lab import twistd

from .debian import package_file, program
from .pc import NO_PXE
from .pxe_lab import MAC, pxe_lab

pytestmark = [pytest.mark.system, pytest.mark.guests]

CONFIG = f"pxelinux.cfg/01-{MAC.replace(':', '-')}"
CARD = f"virtio-net-pci,netdev=lab,mac={MAC},bootindex=1"

DISK_SAYS = "This is the disk"


class Firmware(NamedTuple):
    """How QEMU is started, what can be loaded, and how it ends.

    An end is a text, and the log that it comes to stand in.
    """

    command: list[str]
    files: dict[str, bytes]
    from_network: tuple[str, str]
    from_disk: tuple[str, str]


def bios(directory: Path) -> Firmware:
    """SeaBIOS with the iPXE that QEMU's network card brings."""
    disk = directory / "disk.img"
    disk.write_bytes(boot_sector(DISK_SAYS).ljust(1 << 20, b"\0"))
    return Firmware(
        [
            program("qemu-system-x86_64", "qemu-system-x86"),
            *("-device", CARD),
            *("-drive", f"if=none,id=disk,format=raw,file={disk}"),
            *("-device", "virtio-blk-pci,drive=disk,bootindex=2"),
        ],
        {
            "pxelinux.0": debian("/usr/lib/PXELINUX/pxelinux.0", "pxelinux"),
            "ldlinux.c32": module("bios/ldlinux.c32"),
        },
        (f"'{CONFIG}' finished", "lifeguard"),
        (DISK_SAYS, "console"),
    )


def uefi_x64(directory: Path) -> Firmware:
    """OVMF, which asks on port 4011 for what it was offered on port 67."""
    return Firmware(
        ovmf(directory),
        {"syslinux.efi": syslinux(), "ldlinux.e64": module("efi64/ldlinux.e64")},
        (f"'{CONFIG}' finished", "lifeguard"),
        ("PXE-E21: Remote boot cancelled", "console"),
    )


def uefi_x64_http(directory: Path) -> Firmware:
    """OVMF that knows of no PXE."""
    return Firmware(
        ovmf(directory) + NO_PXE,
        {"syslinux.efi": syslinux()},
        ('starting Boot0001 "UEFI HTTPv4', "console"),
        ("404 Not Found", "console"),
    )


def uefi_arm64(directory: Path) -> Firmware:
    """EDK2 for arm64, and a loader that it can fetch, if not run."""
    qemu = program("qemu-system-aarch64", "qemu-system-arm")
    return Firmware(
        [
            *(qemu, "-M", "virt", "-cpu", "cortex-a53", "-device", f"{CARD},romfile="),
            *flash(directory, "/usr/share/AAVMF/AAVMF_%s.fd", "qemu-efi-aarch64"),
        ],
        {"loader.efi": bytes(100_000)},
        ("'loader.efi' finished: 100000 bytes", "lifeguard"),
        ("PXE-E21: Remote boot cancelled", "console"),
    )


def ovmf(directory: Path) -> list[str]:
    return [
        *(program("qemu-system-x86_64", "qemu-system-x86"), "-M", "q35"),
        *("-device", f"{CARD},romfile="),
        *flash(directory, "/usr/share/OVMF/OVMF_%s_4M.fd", "ovmf"),
    ]


def flash(directory: Path, files: str, package: str) -> list[str]:
    """EDK2, with variables of its own."""
    variables = directory / "variables.fd"
    shutil.copy(package_file(files % "VARS", package), variables)
    code = package_file(files % "CODE", package)
    return [
        *("-drive", f"if=pflash,format=raw,readonly=on,file={code}"),
        *("-drive", f"if=pflash,format=raw,file={variables}"),
    ]


def boot_sector(text: str) -> bytes:
    """Writes `text` to the serial port, and halts."""
    say = b"".join(bytes([0xB0, letter, 0xEE]) for letter in text.encode())
    return (b"\xba\xf8\x03" + say + b"\xf4\xeb\xfd").ljust(510, b"\0") + b"\x55\xaa"


def debian(path: str, package: str) -> bytes:
    return Path(package_file(path, package)).read_bytes()


def syslinux() -> bytes:
    return debian("/usr/lib/SYSLINUX.EFI/efi64/syslinux.efi", "syslinux-efi")


def module(path: str) -> bytes:
    return debian(f"/usr/lib/syslinux/modules/{path}", "syslinux-common")


@pytest.mark.parametrize(
    "firmware",
    [
        bios,
        uefi_x64,
        pytest.param(uefi_x64_http, marks=pytest.mark.firmware),
        pytest.param(uefi_arm64, marks=pytest.mark.firmware),
    ],
)
@ensureDeferred
async def test_firmware_boots_what_its_boards_state_says(
    tmp_path: Path, firmware: Callable[[Path], Firmware]
) -> None:
    command, files, from_network, from_disk = firmware(tmp_path)
    async with pxe_lab(reactor, tmp_path, command, files) as lab:
        await lab.daemon.request("rq-maintenance", {})
        await lab.finds(*from_network)
        await lab.daemon.request("rq-reboot", {})
        await lab.finds(*from_disk)


@pytest.mark.parametrize("port", [67, 4011])
def test_a_port_that_is_taken_is_one_line_and_a_failure(
    tmp_path: Path, port: int
) -> None:
    configuration = tmp_path / "lifeguard.toml"
    configuration.write_text(
        f"[tftp]\nport = {choose_ports(0, 0).tftp}\n"
        '[proxy_dhcp.loaders]\nbios = "pxelinux.0"\n'
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", port))
        daemon = twistd("--config", configuration)
        assert daemon.leave() == 1
    [said] = [line for line in daemon.lines if "#critical" in line]
    assert f"] proxy_dhcp: Couldn't listen on any:{port}: [Errno 98]" in said
    assert "Traceback" not in "\n".join(daemon.lines)
