"""What a file name gets: the board's one decision, or a file below the root.

For a known board every name on its loader's search list is decided here, whatever
lies under the root. A board that is left alone gets the files. Asking changes
nothing: a board has fetched what it has read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from lifeguard.netboot import identities, witness
from lifeguard.netboot.decision import BootImage, decide
from lifeguard.netboot.files import Content, MemoryContent, NotFound, Root
from lifeguard.netboot.identities import Identities
from lifeguard.netboot.loader_config import LoaderConfig, NothingToBoot
from lifeguard.netboot.loaders import LOADERS, PARTS
from lifeguard.netboot.loaders.raspberry_pi import CONFIG
from lifeguard.netboot.names import SearchName
from lifeguard.netboot.progress import Progress
from lifeguard.netboot.tftp import Refused
from lifeguard.netboot.unknown_boards import UnknownBoards
from lifeguard.netboot.witness import Boot, Witness
from lifeguard.wire.tftp import Code

if TYPE_CHECKING:
    from lifeguard.clock import WallClock
    from lifeguard.model import Inventory, SeenBoot
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.loader_config import Answer, LoaderConfigs


class Lab(identities.Lab, witness.Lab, Protocol):
    """The boards, as netboot finds them and tells them how far they have come."""


class BootServer:
    """Resolves the names that boot loaders ask for; `root` None: there are no files."""

    def __init__(
        self, lab: Lab, configs: LoaderConfigs, root: Root | None, wall: WallClock
    ) -> None:
        self._lab, self._configs, self._root = lab, configs, root
        self._identities = Identities(lab, configs.inventory)
        self._witness = Witness(lab, wall)
        self.unknown_boards = UnknownBoards(wall)

    def take_inventory(self, inventory: Inventory) -> None:
        """Go by another inventory; what is being fetched is fetched to its end."""
        self._configs.inventory = inventory
        self._identities = Identities(self._lab, inventory)

    def resolve(self, filename: str, client_address: str) -> Content:
        """What is sent; raises Refused or NotFound.

        Or OSError when a file or a template cannot be opened just now.
        """
        name, situation = self._identities.question(filename, client_address)
        if name is None:
            return self._file(filename, client_address)
        try:
            if situation is None:
                return self._unknown(filename, name, client_address)
            return self._known(filename, name, situation, client_address)
        except NothingToBoot as nothing:
            raise Refused(Code.NOT_FOUND, str(nothing)) from nothing

    def recall(self, situation: Situation, seen: SeenBoot) -> Progress:
        """Follow a boot of the present generation that was seen before the last start.

        Where its config cannot be made again, nothing is said of what it lacks.
        """
        board = situation.board
        boot = self._boot_again(situation)
        if boot is None or boot.progress.image != seen.image:
            progress = Progress(situation.standing.generation, seen.image, ())
            boot = Boot(board.name, {}, progress)
        boot.progress = boot.progress.recalled(seen.steps)
        if board.address is not None:
            self._witness.recall(boot, board.address)
        return boot.progress

    def _boot_again(self, situation: Situation) -> Boot | None:
        """The boot whose config the board's own address would fetch now."""
        decision = decide(situation, self._configs.inventory)
        if situation.board.address is None or not isinstance(decision, BootImage):
            return None
        name = SearchName(decision.boot.loader, file=CONFIG)
        with suppress(NothingToBoot, OSError):
            if answer := self._configs.of(situation, name):
                return _boot(answer, decision.image.name, name, situation)
        return None

    def _unknown(self, filename: str, name: SearchName, address: str) -> Content:
        self.unknown_boards.asks(address, filename, name)
        answer = self._configs.of_unknown(name, address)
        return self._open(filename) if answer is None else self._content(answer)

    def _known(
        self, filename: str, name: SearchName, situation: Situation, address: str
    ) -> Content:
        answer = self._configs.of(situation, name)
        if answer is None:
            return self._open(filename)
        content = self._content(answer)
        if answer.image is None or situation.board.address not in (None, address):
            return content  # a look from elsewhere is not the board's
        if isinstance(answer, LoaderConfig) or name.loader == "uefi":
            boot = _boot(answer, answer.image, name, situation)
            return self._witness.config(boot, address, content)
        return self._witness.file(answer.name, address, content)

    def _content(self, answer: Answer) -> Content:
        if isinstance(answer, LoaderConfig):
            return MemoryContent(answer.text)
        return self._open(answer.name)

    def _file(self, filename: str, address: str) -> Content:
        return self._witness.file(filename, address, self._open(filename))

    def _open(self, filename: str) -> Content:
        if self._root is None:
            raise NotFound(filename)
        return self._root.open(filename)


def _boot(answer: Answer, image: str, name: SearchName, situation: Situation) -> Boot:
    """The boot that begins when the answer has been read."""
    config = answer.text.decode() if isinstance(answer, LoaderConfig) else ""
    files = LOADERS[name.loader].parts(config)
    parts = tuple(part for part in PARTS if part in files.values())
    progress = Progress(situation.standing.generation, image, parts)
    return Boot(situation.board.name, files, progress)
