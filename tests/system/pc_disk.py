"""What a PC can boot: a disk, by BIOS or UEFI, or a program that is a whole system.

The disk is SYSLINUX on a FAT that is all of it.
"""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

from .debian import package_file, program
from .pc import DISK_SIZE

EFI = "/EFI/BOOT"

UNIFIED = "image.efi"
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
SECTION = 32 << 20
"""Bytes of address space, larger than any part of that program."""


def write_disk(image: Path, files: Path, command_line: str) -> None:
    """`image` is a gzip'd disk that boots the kernel and initrd of `files`.

    It is as large as that of a PC, and most of it is empty.
    """
    disk = image.with_suffix(".img")
    with disk.open("wb") as empty:
        empty.truncate(DISK_SIZE)
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


def write_unified(program_file: Path, files: Path, command_line: str) -> None:
    """A program for UEFI that is the kernel and initrd of `files`, told this."""
    told = program_file.with_suffix(".txt")
    told.write_text(command_line)
    parts = {".cmdline": told, ".linux": files / "kernel", ".initrd": files / "initrd"}
    sections = []
    for number, (name, file) in enumerate(parts.items(), 1):
        sections += ["--add-section", f"{name}={file}"]
        sections += ["--change-section-vma", f"{name}={number * SECTION:#x}"]
    stub = package_file(STUB, "systemd-boot-efi")
    _run(program("objcopy", "binutils"), *sections, stub, program_file)
    told.unlink()


def _efi(name: str, folder: str) -> str:
    return package_file(f"/usr/lib/{folder}/{name}", "syslinux-efi and syslinux-common")


def _mtool(name: str, disk: Path, *arguments: str | Path) -> None:
    _run(program(name, "mtools"), "-i", disk, *arguments)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
