"""The decision as the text that a boot loader reads.

The same whether it is served over TFTP or written to a directory. What nobody can
boot is logged when it comes up, not at each of a loader's many questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
from lifeguard.netboot.parameters import Server, template_variables
from lifeguard.netboot.templates import TemplateFault, Templates

if TYPE_CHECKING:
    from lifeguard.model import Inventory
    from lifeguard.netboot.tokens import Tokens

log = Logger()

# 0 is PXELINUX's normal boot. U-Boot leaves the network at it; an old one takes it
# for no localboot, misses a kernel in the label, and leaves the network too.
LOCALBOOT = b"default disk\nlabel disk\n  localboot 0\n"


class NothingToBoot(Exception):
    """The board's loader shall find no config; the text says why, in one line."""


class LoaderConfig(Struct, frozen=True):
    """What a loader reads. `image` is the name of what it boots, None the disk."""

    text: bytes
    image: str | None = None


class LoaderConfigs:
    """The config of every board's loader, made anew each time it is asked for."""

    def __init__(self, inventory: Inventory, tokens: Tokens, server: Server) -> None:
        self._inventory, self._tokens, self._server = inventory, tokens, server
        self._templates = Templates()
        self._reported: dict[str, str] = {}
        """By board, why it cannot boot what it should."""

    def of(self, situation: Situation) -> LoaderConfig | None:
        """What the board's loader reads now; raises NothingToBoot.

        None: the board is not lifeguard's to speak for.
        """
        board, state = situation.board.name, situation.standing.state
        match decide(situation, self._inventory):
            case BootImage() as decision:
                return self._rendered(situation, decision)
            case BootDisk("localboot"):
                return LoaderConfig(LOCALBOOT)
            case BootDisk():
                raise NothingToBoot(f"{board} boots its disk ({state})")
            case CannotBoot(reason):
                raise self._fault(board, reason)
            case HandsOff():
                return None

    def _rendered(self, situation: Situation, decision: BootImage) -> LoaderConfig:
        board, image = situation.board.name, decision.image
        token = self._tokens.token(board, situation.standing.generation)
        variables = template_variables(situation, image, self._server, token)
        try:
            path = Path(decision.boot.template)
            text = self._templates.render(path, variables)
        except TemplateFault as fault:
            raise self._fault(board, str(fault)) from fault
        self._reported.pop(board, None)
        return LoaderConfig(text, image.name)

    def _fault(self, board: str, reason: str) -> NothingToBoot:
        if self._reported.get(board) != reason:
            log.error("{board}: nothing to boot: {reason}", board=board, reason=reason)
        self._reported[board] = reason
        return NothingToBoot(f"{board}: {reason}")
