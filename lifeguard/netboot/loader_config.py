"""The decision, put to a boot loader: a text for it to read, or a file below the root.

The same whether it is served over TFTP or HTTP or written to a directory. What nobody
can boot is logged when it comes up, not at each of a loader's many questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from twisted.logger import Logger

from lifeguard.netboot.decision import (
    BootDisk,
    BootImage,
    CannotBoot,
    HandsOff,
    Situation,
    decide,
)
from lifeguard.netboot.loaders import LOADERS
from lifeguard.netboot.loaders.raspberry_pi import CONFIG
from lifeguard.netboot.names import SearchName
from lifeguard.netboot.parameters import (
    Server,
    template_variables,
    unknown_board_variables,
)
from lifeguard.netboot.templates import TemplateFault, Templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.model import Boot, DiskBoot, Inventory
    from lifeguard.netboot.tokens import Tokens

log = Logger()

BY_PXELINUX = SearchName("pxelinux")


class NothingToBoot(Exception):
    """The board's loader shall find nothing; the text says why, in one line."""


class LoaderConfig(Struct, frozen=True):
    """What a loader reads. `image` is the name of what it boots, None the disk."""

    text: bytes
    image: str | None = None


class LoaderFile(Struct, frozen=True):
    """A file below the TFTP root, by its name there, which stands for what is asked."""

    name: str
    image: str | None = None


Answer = LoaderConfig | LoaderFile


class LoaderConfigs:
    """What every board's loader is given, made anew each time it is asked for."""

    def __init__(self, inventory: Inventory, tokens: Tokens, server: Server) -> None:
        self.inventory = inventory
        self._tokens, self._server = tokens, server
        self._templates = Templates()
        self._reported: dict[str, str] = {}
        """By board, or key of the inventory, why what it names cannot be booted."""

    def of(self, situation: Situation, name: SearchName = BY_PXELINUX) -> Answer | None:
        """What the board's loader is given now by this name; raises NothingToBoot, or
        OSError when its template cannot be opened just now.

        None: the board is not lifeguard's to speak for.
        """
        match decide(situation, self.inventory):
            case BootImage() as decision:
                return self._image(situation, decision, name)
            case BootDisk(how):
                return _disk(situation, how, name)
            case CannotBoot(reason):
                raise self._fault(situation.board.name, reason)
            case HandsOff():
                return None

    def of_unknown(self, name: SearchName, address: str) -> Answer | None:
        """What a board that is not in the inventory is given; raises as `of` does.

        None: the lab has nothing for its loader.
        """
        boot = self.inventory.unknown_boards.get(name.loader)
        if boot is None:
            return None
        if file := _file(boot, name):
            return LoaderFile(file)
        variables = unknown_board_variables(name, address, self._server)
        whose = f"unknown_boards.{name.loader}"
        return LoaderConfig(self._rendered(whose, boot, variables))

    def _image(
        self, situation: Situation, decision: BootImage, name: SearchName
    ) -> Answer:
        board, image, boot = situation.board.name, decision.image, decision.boot
        if name.loader == "uefi" != boot.loader:
            return LoaderFile(name.file)
        if name.loader != boot.loader:
            raise NothingToBoot(f"{board} boots {image.name} by {boot.loader}")
        if file := _file(boot, name):
            return LoaderFile(file, image.name)
        token = self._tokens.token(board, situation.standing.generation)
        variables = template_variables(situation, image, self._server, token)
        return LoaderConfig(self._rendered(board, boot, variables), image.name)

    def _rendered(self, whose: str, boot: Boot, variables: Mapping[str, Any]) -> bytes:
        assert boot.template is not None, "checked when the inventory was read"
        try:
            text = self._templates.render(Path(boot.template), variables)
        except TemplateFault as fault:
            raise self._fault(whose, str(fault)) from fault
        self._reported.pop(whose, None)
        return text

    def _fault(self, whose: str, reason: str) -> NothingToBoot:
        if self._reported.get(whose) != reason:
            log.error("{whose}: nothing to boot: {reason}", whose=whose, reason=reason)
        self._reported[whose] = reason
        return NothingToBoot(f"{whose}: {reason}")


def _disk(situation: Situation, how: DiskBoot, name: SearchName) -> Answer:
    """Firmware is given its loader wherever that is to be told."""
    if name.loader == "uefi" and how != "not-found":
        return LoaderFile(name.file)
    text = LOADERS[name.loader].disk.get(how)
    if text is None:
        board, state = situation.board.name, situation.standing.state
        raise NothingToBoot(f"{board} boots its disk ({state})")
    return LoaderConfig(text)


def _file(boot: Boot, name: SearchName) -> str | None:
    """What is not made here, but the same for every board."""
    if boot.loader == "uefi":
        return boot.files
    if boot.loader == "raspberry-pi" and name.file != CONFIG:
        return f"{boot.files}/{name.file}"
    return None
