"""One board: QEMU with Debian's U-Boot, a disk and a network card."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorProcess

from .child import Child
from .debian import package_file, program
from .firmware import environment, write_flash

DISK_SIZE = 64 << 20


class Machine:
    """Runs while it has power. `web_port` of the host is the board's port 80.

    The console of every boot is appended to `console.log` in `directory`.
    """

    def __init__(
        self, reactor: IReactorProcess, directory: Path, mac: str, web_port: int
    ) -> None:
        self._reactor = reactor
        self._output = directory / "qemu.log"
        self._child: Child | None = None
        self._gone: Deferred[None] = succeed(None)
        flash, disk = directory / "flash.img", directory / "disk.img"
        write_flash(flash, environment(mac))
        with disk.open("wb") as empty:
            empty.truncate(DISK_SIZE)
        qemu = program("qemu-system-aarch64", "qemu-system-arm")
        u_boot = package_file("/usr/lib/u-boot/qemu_arm64/u-boot.bin", "u-boot-qemu")
        # TCG by name: a /dev/kvm that is there but does not work hangs the guest.
        self._command = [
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

    def power_on(self) -> None:
        """Start QEMU, once the one before it has let go of the disk."""
        self._gone.addCallback(self._start)

    def _start(self, _: None) -> None:
        self._child = Child(self._reactor, self._command, self._output)
        self._gone = self._child.ended

    def power_off(self) -> Deferred[None]:
        """Kill QEMU, as a power cut would; fires when it is gone."""
        if self._child is not None:
            self._child.signal("KILL")
        return self._gone

    def hang(self) -> None:
        """Stop the board in its tracks, until the power is cut."""
        assert self._child is not None
        self._child.signal("STOP")
