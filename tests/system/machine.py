"""One board: QEMU with Debian's U-Boot, a disk and a network card."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorProcess

from .debian import package_file, program
from .emulator import Emulator
from .firmware import environment, write_flash

DISK_SIZE = 64 << 20


class Machine(Emulator):
    """An arm64 board. `web_port` of the host is the board's port 80.

    The console of every boot is appended to `console.log` in `directory`.
    """

    def __init__(
        self, reactor: IReactorProcess, directory: Path, mac: str, web_port: int
    ) -> None:
        flash, disk = directory / "flash.img", directory / "disk.img"
        write_flash(flash, environment(mac))
        with disk.open("wb") as empty:
            empty.truncate(DISK_SIZE)
        qemu = program("qemu-system-aarch64", "qemu-system-arm")
        u_boot = package_file("/usr/lib/u-boot/qemu_arm64/u-boot.bin", "u-boot-qemu")
        # TCG by name: a /dev/kvm that is there but does not work hangs the guest.
        command = [
            *(qemu, "-nodefaults", "-display", "none", "-serial", "chardev:console"),
            *("-chardev", f"file,id=console,append=on,path={directory}/console.log"),
            *("-M", "virt", "-accel", "tcg", "-cpu", "cortex-a53", "-m", "256"),
            *("-bios", u_boot),
            *("-drive", f"if=pflash,unit=1,format=raw,file={flash}"),
            *("-drive", f"if=none,id=disk,format=raw,file={disk}"),
            *("-device", "virtio-blk-device,drive=disk"),
            *("-netdev", f"user,id=lab,hostfwd=tcp:127.0.0.1:{web_port}-:80"),
            *("-device", f"virtio-net-device,netdev=lab,mac={mac}"),
        ]
        super().__init__(reactor, command, directory / "qemu.log")
