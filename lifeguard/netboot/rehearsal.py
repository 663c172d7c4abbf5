"""Boots of the inventory tried out at the start, so that no board meets their faults.

Every template is rendered for a sample board of its hardware; and every loader must
be able to say "boot your disk" in the way that the hardware wants.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifeguard.lifecycle import Boots
from lifeguard.model import Board, Standing
from lifeguard.netboot.decision import Situation
from lifeguard.netboot.loaders import LOADERS
from lifeguard.netboot.names import SearchName
from lifeguard.netboot.parameters import (
    Server,
    template_variables,
    unknown_board_variables,
)
from lifeguard.netboot.templates import TemplateFault, Templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lifeguard.model import Boot, Hardware, Image, Inventory

SAMPLE_MAC, SAMPLE_ADDRESS = "02:00:00:00:00:01", "192.0.2.101"
SAMPLE_UUID, SAMPLE_SERIAL = "00000000-0000-4000-8000-020000000001", "00000001"
SAMPLE_TOKEN = f"1.{'0' * 32}"


class AnyConfig(dict[str, Any]):
    """A request's `boot_config`, of which nobody knows yet what it will say."""

    def __missing__(self, key: str) -> AnyConfig:
        return AnyConfig()


def rehearse(inventory: Inventory, server: Server) -> list[str]:
    """What is wrong, a line for each mistake: its key, the template's file and line."""
    templates = Templates()
    return [
        *_image_mistakes(inventory, server, templates),
        *_unknown_board_mistakes(inventory, server, templates),
    ]


def _image_mistakes(
    inventory: Inventory, server: Server, templates: Templates
) -> Iterator[str]:
    for image in inventory.images.values():
        for name, boot in image.boot.items():
            hardware = inventory.hardware[name]
            key = f"images.{image.name}.boot.{name}"
            yield from _disk_mistakes(key, boot, hardware)
            variables = _sample(image, hardware, server)
            yield from _template_mistakes(key, boot, templates, variables)


def _unknown_board_mistakes(
    inventory: Inventory, server: Server, templates: Templates
) -> Iterator[str]:
    for loader, boot in inventory.unknown_boards.items():
        asked = SearchName(boot.loader, SAMPLE_MAC, SAMPLE_UUID, SAMPLE_SERIAL)
        variables = unknown_board_variables(asked, SAMPLE_ADDRESS, server)
        key = f"unknown_boards.{loader}"
        yield from _template_mistakes(key, boot, templates, variables)


def _disk_mistakes(key: str, boot: Boot, hardware: Hardware) -> Iterator[str]:
    """A loader that is never loaded need not be told."""
    known = LOADERS[boot.loader].disk
    how = hardware.disk_boot
    if how in known or (how == "not-found" and hardware.boot_file):
        return
    ways = " or ".join(f'"{way}"' for way in known)
    yield (
        f'hardware.{hardware.name}.disk_boot: "{how}" cannot be said to {boot.loader},'
        f" by which {key} boots; {ways} can"
    )


def _template_mistakes(
    key: str, boot: Boot, templates: Templates, variables: Mapping[str, Any]
) -> Iterator[str]:
    if boot.template is None:
        return
    try:
        templates.render(Path(boot.template), variables)
    except (TemplateFault, OSError) as fault:
        yield f"{key}.template: {fault}"


def _sample(image: Image, hardware: Hardware, server: Server) -> dict[str, Any]:
    """What the template sees when a board of this hardware boots the image."""
    board = Board(
        name="sample",
        mac=SAMPLE_MAC,
        hardware=hardware.name,
        address=SAMPLE_ADDRESS,
        uuid=SAMPLE_UUID,
        serial=SAMPLE_SERIAL,
    )
    standing = Standing(
        board=board.name,
        state="New",
        since=datetime.min.replace(tzinfo=UTC),
        generation=1,
        wanted_image=image.name,
        boot_config=AnyConfig(),
    )
    situation = Situation(board, hardware, standing, Boots.WANTED)
    return template_variables(situation, image, server, SAMPLE_TOKEN)
