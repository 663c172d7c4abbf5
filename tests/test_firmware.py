"""Boards whose firmware cannot be had, from power-on to Ready; and boots cut in two.

Raspberry Pis ask here as their ROMs and bootloaders do, file by file, and go on as the
answers say.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.firmware_rig import BOARD, MAC, Firmware, System, change, firmware_lab
from tests.process_lab import ProcessLab, until

SERIAL = "d2f5a8d1"
OPTIONS = (("tsize", "0"), ("blksize", "1024"))


class Model(NamedTuple):
    """How a Raspberry Pi boots. `rom` is loaded first, without options and folder.

    `probes` decides between the folder and the root. All `others` are tried, then the
    kernels until there is one.
    """

    rom: str | None
    folder: str
    probes: str
    others: tuple[str, ...]
    kernels: tuple[str, ...]


PI_3 = Model(
    "bootcode.bin",
    SERIAL,
    "start.elf",
    (
        *("bootsig.bin", "autoboot.txt", "config.txt", "recovery.elf", "start.elf"),
        *("fixup.dat", "recovery.elf", "config.txt", "dt-blob.bin", "bootcfg.txt"),
        *("cmdline.txt", "bcm2710-rpi-3-b.dtb", "overlays/overlay_map.dtb"),
        *("recovery8.img", "recovery7.img", "recovery.img", "armstub8.bin"),
    ),
    ("kernel8.img", "kernel8-32.img", "kernel7.img", "kernel.img"),
)
PI_4 = Model(
    None,
    SERIAL,
    "start4.elf",
    (
        *("config.txt", "pieeprom.sig", "recover4.elf", "recovery.elf", "start4.elf"),
        *("fixup4.dat", "recovery.elf", "config.txt", "vl805.sig", "dt-blob.bin"),
        *("bootcfg.txt", "bcm2711-rpi-4-b.dtb", "overlays/overlay_map.dtb"),
        *("cmdline.txt", "recovery8.img", "recovery8-32.img", "recovery7l.img"),
        *("recovery7.img", "recovery.img", "armstub8-gic.bin"),
    ),
    ("kernel8.img", "kernel8-32.img", "kernel7l.img", "kernel.img"),
)
PI_4_BY_MAC = PI_4._replace(folder=MAC.replace(":", "-"))
PI_5 = Model(
    None,
    SERIAL,
    "config.txt",
    (
        *("config.txt", "pieeprom.sig", "recovery.elf", "boot.img", "bootcfg.txt"),
        *("bcm2712-rpi-5-b.dtb", "overlays/overlay_map.dtb", "overlays/bcm2712d0.dtbo"),
        *("cmdline.txt", "armstub8-2712.bin"),
    ),
    ("kernel_2712.img", "kernel8.img"),
)

FILES = (
    *("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"),
    *("config.txt", "kernel8.img", "overlays/overlay_map.dtb"),
)
"""What a lab has for all of these models."""


def boot(model: Model, firmware: Firmware) -> dict[str, bytes]:
    """All that the model finds, by name; empty: it goes on in its boot order."""
    loaded: dict[str, bytes] = {}
    if model.rom is not None:
        found = firmware.load(model.rom)
        if found == "missing":
            return {}
        loaded[model.rom] = found
    folder = f"{model.folder}/"
    if not firmware.probe(folder + model.probes, OPTIONS):
        folder = ""
        if not firmware.probe(model.probes, OPTIONS):
            return {}
    for name in model.others:
        if (found := firmware.load(folder + name, OPTIONS)) != "missing":
            loaded[name] = found
    for name in model.kernels:
        if (found := firmware.load(folder + name, OPTIONS)) != "missing":
            return loaded | {name: found}
    return {}


def file_of(name: str) -> bytes:
    """Longer than a block, and no multiple of one."""
    return name.encode() * 333


def write_pi_lab(directory: Path) -> None:
    for name in FILES:
        path = directory / "tftp" / "pi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_of(name))
    template = directory / "templates" / "netboot.cfg.j2"
    template.write_text("console=serial0 {{ cmdline }}\n")
    change(
        directory / "boards.toml",
        ('loader = "pxelinux"', 'loader = "raspberry-pi"\nfiles = "pi"'),
        ('hardware = "sim"\n', f'hardware = "sim"\nserial = "{SERIAL}"\n'),
        *((f"timeout = {seconds}\n", "timeout = 60\n") for seconds in (4, 5, 6)),
    )


@pytest.mark.parametrize(
    "model", [PI_3, PI_4, PI_4_BY_MAC, PI_5], ids=["3", "4", "4-by-mac", "5"]
)
def test_a_raspberry_pi_is_installed_and_boots_its_disk(
    tmp_path: Path, model: Model
) -> None:
    with firmware_lab(tmp_path) as (lab, firmware):
        write_pi_lab(tmp_path)
        daemon = lab.start()
        assert boot(model, firmware) == {}
        lab.ask(f"/api/v1/boards/{BOARD}/events/rq-reimage", {"image": "debian"})
        daemon.wait_for("--> ReimageBooting")

        loaded = boot(model, firmware)
        installer = System.of(loaded.pop("cmdline.txt").decode())
        tried = {model.rom, *model.others, *model.kernels}
        assert loaded == {name: file_of(name) for name in FILES if name in tried}
        assert installer.report("installer-running") == 200
        assert installer.report("install-ok") == 200

        assert boot(model, firmware) == {}
        assert System(installer.url).report("image-running") == 200
        assert lab.states() == {BOARD: "Ready"}
        assert steps(lab) == ["boot-config-fetched", "kernel-begun", "kernel-fetched"]
        refused = [line for line in daemon.lines if f"{BOARD} boots its disk" in line]
        assert len(refused) <= 2  # of some twenty in each of two boots


def steps(lab: ProcessLab) -> list[str]:
    """How far the board's boot has come, as the API tells."""
    _, board = lab.ask(f"/api/v1/boards/{BOARD}")
    return list(board["progress"]["steps"] if board["progress"] else ())


def rows(lab: ProcessLab, event: str) -> list[dict[str, object]]:
    return [row for row in lab.history(BOARD) if row["event"] == event]


def test_a_boot_that_lifeguards_death_cut_in_two_says_what_it_lacks(
    tmp_path: Path,
) -> None:
    config = f"pxelinux.cfg/01-{MAC.replace(':', '-')}"
    with firmware_lab(tmp_path) as (lab, firmware):
        change(tmp_path / "boards.toml", ("timeout = 4\n", "timeout = 8\n"))
        daemon = lab.start()
        lab.ask(f"/api/v1/boards/{BOARD}/events/rq-reimage", {"image": "debian"})
        daemon.wait_for("--> ReimageBooting")
        firmware.load(config)
        until(lambda: len(rows(lab, "boot-config-fetched")) == 1)
        daemon.end(signal.SIGKILL)

        daemon = lab.start()
        assert steps(lab) == ["boot-config-fetched"]
        firmware.load("debian/initrd", OPTIONS)
        line = daemon.wait_for("ReimageBooting -- timeout -->")
        said = "it fetched its boot config and its initrd, but never its kernel"
        assert f"({said}; strike 1, 30 allowed)" in line
