"""Boards, images and templates for what is decided about netboot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from twisted.logger import formatEvent

from lifeguard.lifecycle import Boots
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Board, Boot, Hardware, Image, Inventory, Standing
from lifeguard.netboot.decision import Situation
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.parameters import Server
from lifeguard.netboot.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from twisted.logger import LogEvent

MAC = "02:00:00:00:00:01"
SERVER = Server("lab-1", "http://192.0.2.1:8080")
TOKENS = Tokens(b"key")


def image(name: str, template: Path | str = "x.j2", **fields: Any) -> Image:
    """An image that boots on pandas."""
    boot = Boot(loader="pxelinux", template=str(template))
    return Image(name=name, boot={"panda": boot}, **fields)


def situation(
    boots: Boots,
    *,
    name: str = "panda-01",
    mac: str = MAC,
    disk_boot: Literal["not-found", "localboot"] = "not-found",
    **standing: Any,
) -> Situation:
    """A board of hardware panda in some state that boots so."""
    return Situation(
        board=Board(name=name, mac=mac, hardware="panda", address="192.0.2.101"),
        hardware=Hardware(name="panda", lifecycle=LIFECYCLE, disk_boot=disk_boot),
        standing=Standing(
            **{
                "board": name,
                "state": "Ready",
                "since": datetime(2026, 1, 1, tzinfo=UTC),
                "generation": 3,
                "wanted_image": "debian",
                **standing,
            }
        ),
        boots=boots,
    )


@dataclass
class Netboot:
    """A directory with one template, and what is made of it."""

    template: Path
    configs: LoaderConfigs
    written: int = 0

    def rewrite(self, text: str) -> None:
        """Change the template, at a time of its own however coarse the file system."""
        self.written += 1
        self.template.write_text(text)
        os.utime(self.template, (self.written, self.written))

    def expected(self, name: str = "panda-01") -> bytes:
        """What the template comes to."""
        return f"append {name} {TOKENS.token(name, 3)}\n".encode()


def netboot(tmp_path: Path) -> Netboot:
    """An inventory whose debian says a board's name and token."""
    template = tmp_path / "debian.cfg.j2"
    template.write_text("append {{ board.name }} {{ token }}\n")
    inventory = Inventory(images={"debian": image("debian", template)})
    return Netboot(template, LoaderConfigs(inventory, TOKENS, SERVER))


def texts(events: Iterable[LogEvent]) -> list[str]:
    """What a reader of the log sees."""
    return [formatEvent(event) for event in events]
