"""The examples show every loader, and what they show can be used as it stands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct, structs

from lifeguard.config import load
from lifeguard.config.tables import (
    BoardTable,
    BootTable,
    HardwareTable,
    UnknownBoardsTable,
)
from lifeguard.lifecycle import Boots
from lifeguard.model import Board, Image, Inventory, Standing
from lifeguard.netboot.decision import Situation
from lifeguard.netboot.loader_config import LoaderConfig, LoaderConfigs
from lifeguard.netboot.names import SearchName
from lifeguard.netboot.parameters import Server
from lifeguard.netboot.rehearsal import rehearse
from lifeguard.netboot.tokens import Tokens
from tests.rig import EPOCH

ETC = Path(__file__).parent.parent / "etc"
SERVER = Server("lab-1", "http://192.0.2.1:8080")


def everything_on() -> str:
    """The example of a lab with all on that it shows switched off."""
    return re.sub(r"(?m)^#(?=\S)", "", (ETC / "boards.toml").read_text())


@pytest.fixture
def lab(tmp_path: Path) -> Inventory:
    shutil.copytree(ETC / "templates", tmp_path / "templates")
    (tmp_path / "lifeguard.toml").touch()
    (tmp_path / "boards.toml").write_text(everything_on())
    return load(tmp_path / "lifeguard.toml").inventory


def boots(lab: Inventory) -> Iterator[tuple[Board, Image]]:
    for board in lab.boards.values():
        for image in lab.images.values():
            if board.hardware in image.boot:
                yield board, image


def config(lab: Inventory, board: Board, image: Image) -> str:
    """What the loader of the board reads when it boots the image."""
    standing = Standing(
        board=board.name, state="New", since=EPOCH, wanted_image=image.name
    )
    situation = Situation(board, lab.hardware[board.hardware], standing, Boots.WANTED)
    name = SearchName(image.boot[board.hardware].loader, file="cmdline.txt")
    answer = LoaderConfigs(lab, Tokens(b"key"), SERVER).of(situation, name)
    assert isinstance(answer, LoaderConfig)
    return answer.text.decode()


def test_the_example_of_a_lab_passes_its_rehearsal(lab: Inventory) -> None:
    assert rehearse(load(ETC / "lifeguard.toml").inventory, SERVER) == []
    assert rehearse(lab, SERVER) == []


@pytest.mark.parametrize(
    "kind", [BoardTable, HardwareTable, BootTable, UnknownBoardsTable]
)
def test_the_example_of_a_lab_shows_every_key(kind: type[Struct]) -> None:
    shown = {*re.findall(r"(?m)^(\w+) =", everything_on()), "states"}
    assert {field.name for field in structs.fields(kind)} <= shown


def test_the_example_of_a_lab_shows_every_loader(lab: Inventory) -> None:
    shown = {
        boot.loader for image in lab.images.values() for boot in image.boot.values()
    }
    assert shown == {"pxelinux", "ipxe", "grub", "raspberry-pi"}
    assert list(lab.unknown_boards) == ["ipxe"]


def test_every_kernel_is_told_where_to_report_in_its_loaders_words(
    lab: Inventory,
) -> None:
    first = {"ipxe": "#!ipxe\n", "raspberry-pi": "console="}
    for board, image in boots(lab):
        text, loader = config(lab, board, image), image.boot[board.hardware].loader
        [line] = [line for line in text.splitlines() if " lifeguard.token=0." in line]
        assert f" lifeguard.board={board.name} lifeguard.url={SERVER.url}/" in line
        title = f"# {board.name}: {image.name}\n"
        assert text.startswith(first.get(loader, title))
        assert title in text or loader == "raspberry-pi"


def test_a_script_for_unknown_boards_is_a_script(lab: Inventory) -> None:
    configs = LoaderConfigs(lab, Tokens(b"key"), SERVER)
    answer = configs.of_unknown(SearchName("ipxe"), "192.0.2.200")
    assert isinstance(answer, LoaderConfig)
    assert answer.text.startswith(b"#!ipxe\nkernel http://192.0.2.1:8080/files/")
