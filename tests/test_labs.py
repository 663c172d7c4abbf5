"""Each example of a lab is read as it stands, and each of its boards can boot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lifeguard.model import Inventory
from lifeguard.tap import checked
from tests.test_examples import ETC, boots, config

LABS = sorted(path.parent for path in (ETC / "labs").glob("*/lifeguard.toml"))


def read(lab: Path, scratch: Path) -> Inventory:
    """The lab's inventory, with a TFTP root that is there."""
    copy = scratch / lab.name
    shutil.copytree(lab, copy)
    (scratch / "tftp").mkdir()
    settings = copy / "lifeguard.toml"
    text = settings.read_text()
    assert 'root = "/srv/tftp"' in text
    settings.write_text(text.replace("/srv/tftp", str(scratch / "tftp")))
    return checked(settings).inventory


def test_there_are_five_kinds_of_labs_and_each_is_listed() -> None:
    listed = (ETC / "labs" / "README.md").read_text()
    assert len(LABS) == 5
    assert [
        lab.name for lab in LABS if f"]({lab.name}/boards.toml)" not in listed
    ] == []


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_a_lab_is_read_without_a_mistake_and_its_boards_boot(
    lab: Path, tmp_path: Path
) -> None:
    inventory = read(lab, tmp_path)
    assert all(board.power for board in inventory.boards.values())
    bootable = {board.name for board, _ in boots(inventory)}
    assert bootable == set(inventory.boards)
    for board, image in boots(inventory):
        text = config(inventory, board, image)
        [line] = [line for line in text.splitlines() if " lifeguard.token=0." in line]
        assert f" lifeguard.board={board.name} " in line


def test_together_they_show_every_loader_and_most_drivers(tmp_path: Path) -> None:
    labs = [read(lab, tmp_path / lab.name) for lab in LABS]
    images = [image for lab in labs for image in lab.images.values()]
    loaders = {boot.loader for image in images for boot in image.boot.values()}
    assert loaders == {"pxelinux", "ipxe", "grub", "raspberry-pi"}
    drivers = {each.driver for lab in labs for each in lab.relay_boards.values()}
    assert drivers == {"shelly", "exec", "proxr", "redfish", "pdudaemon", "qemu"}
