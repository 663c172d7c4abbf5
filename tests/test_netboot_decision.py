"""One decision for each way a state can boot, and a reason where there is none."""

from __future__ import annotations

import pytest

from lifeguard.lifecycle import Boots
from lifeguard.model import Image, Inventory
from lifeguard.netboot.decision import (
    BootDisk,
    BootImage,
    CannotBoot,
    Decision,
    HandsOff,
    decide,
)
from lifeguard.netboot.parameters import boot_config, template_variables
from tests.netboot_rig import SERVER, image, situation

DEBIAN = image("debian")
TESTER = image("tester", role="self-test")
RESCUE = image("rescue", role="maintenance")
ELSEWHERE = Image(name="elsewhere")
LAB = Inventory(
    images={each.name: each for each in (DEBIAN, TESTER, RESCUE, ELSEWHERE)}
)


@pytest.mark.parametrize(
    ("boots", "decision"),
    [
        (Boots.WANTED, BootImage(DEBIAN, DEBIAN.boot["panda"])),
        (Boots.SELF_TEST, BootImage(TESTER, TESTER.boot["panda"])),
        (Boots.MAINTENANCE, BootImage(RESCUE, RESCUE.boot["panda"])),
        (Boots.DISK, BootDisk("not-found")),
        (Boots.NOTHING, HandsOff()),
    ],
)
def test_a_board_boots_what_its_state_declares(
    boots: Boots, decision: Decision
) -> None:
    assert decide(situation(boots), LAB) == decision


def test_how_the_disk_is_said_is_the_hardwares() -> None:
    asked = situation(Boots.DISK, disk_boot="localboot")
    assert decide(asked, LAB) == BootDisk("localboot")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (None, "no image is wanted"),
        ("gone", "image gone is not in the inventory"),
        ("elsewhere", "image elsewhere has no boot for hardware panda"),
    ],
)
def test_a_wanted_image_that_cannot_be_had_gives_the_reason(
    wanted: str | None, reason: str
) -> None:
    asked = situation(Boots.WANTED, wanted_image=wanted)
    assert decide(asked, LAB) == CannotBoot(reason)


@pytest.mark.parametrize("role", ["self-test", "maintenance"])
def test_a_role_that_no_image_plays_gives_the_reason(role: str) -> None:
    reason = f"no image of role {role} boots on hardware panda"
    assert decide(situation(Boots(role)), Inventory()) == CannotBoot(reason)


def test_the_installer_reads_its_boot_config_without_a_token() -> None:
    asked = situation(Boots.WANTED, boot_config={"disk": "mmcblk0"})
    assert boot_config(asked.standing, SERVER) == {
        "board": "panda-01",
        "image": "debian",
        "generation": 3,
        "events_url": "http://192.0.2.1:8080/api/v1/boards/panda-01/events",
        "boot_config": {"disk": "mmcblk0"},
    }


def test_a_template_is_told_all_that_a_boot_is_about() -> None:
    asked = situation(Boots.WANTED, boot_config={"disk": "mmcblk0"})
    url = "http://192.0.2.1:8080/api/v1/boards/panda-01/events"
    assert template_variables(asked, DEBIAN, SERVER, "3.ab") == {
        "board": asked.board,
        "image": DEBIAN,
        "hardware": asked.hardware,
        "boot_config": {"disk": "mmcblk0"},
        "server": SERVER,
        "events_url": url,
        "token": "3.ab",
        "cmdline": f"lifeguard.board=panda-01 lifeguard.url={url} lifeguard.token=3.ab",
    }
