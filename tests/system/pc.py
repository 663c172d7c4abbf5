"""A PC as a board: QEMU with SeaBIOS and iPXE's ROM, or with UEFI of EDK2."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from twisted.internet.interfaces import IReactorProcess

from .debian import package_file, program
from .emulator import Emulator

Firmware = Literal["bios", "uefi", "uefi-http"]

DISK_SIZE = 32 << 20
OVMF = Path("/usr/share/OVMF")

NO_PXE = [
    *("-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"),
    *("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"),
]
"""EDK2 is left with HTTP."""


class PersonalComputer(Emulator):
    """An amd64 board that boots from its network card, and where that fails its disk.

    `network` is a -netdev of QEMU without its id. The console of every boot is
    appended to `console.log` in `directory`.
    """

    def __init__(
        self,
        reactor: IReactorProcess,
        directory: Path,
        mac: str,
        firmware: Firmware,
        network: str,
    ) -> None:
        disk = directory / "disk.img"
        with disk.open("wb") as empty:
            empty.truncate(DISK_SIZE)
        qemu = program("qemu-system-x86_64", "qemu-system-x86")
        firmware_options = [] if firmware == "bios" else _uefi(directory)
        if firmware == "uefi-http":
            firmware_options += NO_PXE
        # Without graphics SeaBIOS writes to the serial line. TCG by name: a /dev/kvm
        # that is there but does not work hangs the guest.
        command = [
            *(qemu, "-nodefaults", "-display", "none", "-serial", "chardev:console"),
            *("-chardev", f"file,id=console,append=on,path={directory}/console.log"),
            *("-M", "pc,graphics=off", "-accel", "tcg", "-m", "384", *firmware_options),
            *("-drive", f"if=none,id=disk,format=raw,file={disk}"),
            *("-device", "virtio-blk-pci,drive=disk,bootindex=2"),
            *("-netdev", f"{network},id=lab"),
            *("-device", f"{_card(firmware)},netdev=lab,mac={mac},bootindex=1"),
        ]
        super().__init__(reactor, command, directory / "qemu.log")


def _uefi(directory: Path) -> list[str]:
    """EDK2 keeps its variables in a flash of the board's own."""
    code = package_file(str(OVMF / "OVMF_CODE_4M.fd"), "ovmf")
    variables = directory / "variables.fd"
    shutil.copyfile(OVMF / "OVMF_VARS_4M.fd", variables)
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={variables}"),
    ]


def _card(firmware: Firmware) -> str:
    """EDK2 has a driver and PXE of its own, in place of iPXE's ROM."""
    if firmware != "bios":
        return "virtio-net-pci,romfile="
    # Named as an option it would not be fitted to the card, and SeaBIOS skip it.
    package_file("/usr/lib/ipxe/qemu/efi-virtio.rom", "ipxe-qemu")
    return "virtio-net-pci"
