"""What a board boots now: the one decision that TFTP, HTTP and symlinks all show.

Pure. How a decision is put to a boot loader is not known here.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from lifeguard.lifecycle import Boots
from lifeguard.model import (
    Board,
    Boot,
    DiskBoot,
    Hardware,
    Image,
    Inventory,
    Role,
    Standing,
)


class Situation(NamedTuple):
    """All that matters of one board. `boots` is what its state declares."""

    board: Board
    hardware: Hardware
    standing: Standing
    boots: Boots


class BootImage(Struct, frozen=True):
    """It boots this image, in the way its hardware does."""

    image: Image
    boot: Boot


class BootDisk(Struct, frozen=True):
    """It boots what it has on its disk; `how` is the way its loader is told so."""

    how: DiskBoot


class HandsOff(Struct, frozen=True):
    """Not lifeguard's to say: as if it did not know the board."""


class CannotBoot(Struct, frozen=True):
    """It should boot an image that cannot be had; `reason` is one line."""

    reason: str


Decision = BootImage | BootDisk | HandsOff | CannotBoot


def decide(situation: Situation, inventory: Inventory) -> Decision:
    """What the board boots if it asks now."""
    match situation.boots:
        case Boots.WANTED:
            return _wanted(situation, inventory)
        case Boots.SELF_TEST:
            return _of_role("self-test", situation, inventory)
        case Boots.MAINTENANCE:
            return _of_role("maintenance", situation, inventory)
        case Boots.DISK:
            return BootDisk(situation.hardware.disk_boot)
        case Boots.NOTHING:
            return HandsOff()


def _wanted(situation: Situation, inventory: Inventory) -> Decision:
    wanted, hardware = situation.standing.wanted_image, situation.hardware.name
    if wanted is None:
        return CannotBoot("no image is wanted")
    image = inventory.images.get(wanted)
    if image is None:
        return CannotBoot(f"image {wanted} is not in the inventory")
    if hardware not in image.boot:
        return CannotBoot(f"image {wanted} has no boot for hardware {hardware}")
    return BootImage(image, image.boot[hardware])


def _of_role(role: Role, situation: Situation, inventory: Inventory) -> Decision:
    hardware = situation.hardware.name
    image = inventory.image_of_role(role, hardware)
    if image is None:
        return CannotBoot(f"no image of role {role} boots on hardware {hardware}")
    return BootImage(image, image.boot[hardware])
