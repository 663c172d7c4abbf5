"""A disk that a PC can boot, by BIOS or UEFI: SYSLINUX on a FAT that is all of it."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

from .debian import package_file, program

EFI = "/EFI/BOOT"


def write_disk(image: Path, files: Path, command_line: str) -> None:
    """`image` is a gzip'd disk that boots the kernel and initrd of `files`.

    64 MiB, most of them empty.
    """
    disk = image.with_suffix(".img")
    with disk.open("wb") as empty:
        empty.truncate(64 << 20)
    _run(program("mkfs.vfat", "dosfstools"), disk)
    config = image.with_suffix(".cfg")
    config.write_text(
        f"default image\nlabel image\n  kernel /kernel\n  initrd /initrd\n"
        f"  append {command_line}\n"
    )
    _run(program("syslinux", "syslinux"), "--install", disk)
    _mtool("mmd", disk, "::/EFI", f"::{EFI}")
    for source, name in (
        (files / "kernel", "/kernel"),
        (files / "initrd", "/initrd"),
        (config, "/syslinux.cfg"),
        (config, f"{EFI}/syslinux.cfg"),
        (Path(_efi("syslinux.efi", "SYSLINUX.EFI/efi64")), f"{EFI}/BOOTX64.EFI"),
        (Path(_efi("ldlinux.e64", "syslinux/modules/efi64")), f"{EFI}/ldlinux.e64"),
    ):
        _mtool("mcopy", disk, source, f"::{name}")
    image.write_bytes(gzip.compress(disk.read_bytes(), 1))
    disk.unlink()


def _efi(name: str, folder: str) -> str:
    return package_file(f"/usr/lib/{folder}/{name}", "syslinux-efi and syslinux-common")


def _mtool(name: str, disk: Path, *arguments: str | Path) -> None:
    _run(program(name, "mtools"), "-i", disk, *arguments)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
