"""What a file name gets: the board's one decision, or a file below the root.

For a known board every name on its loader's search list is decided here, whatever
lies under the root. A board that is left alone is served as an unknown one. Asking
changes nothing: a board has fetched its config when it has read it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from lifeguard.netboot.files import Content, MemoryContent, NotFound, Root
from lifeguard.netboot.loader_config import NothingToBoot
from lifeguard.netboot.loaders import parse_search_name
from lifeguard.netboot.tftp import Refused
from lifeguard.wire.tftp import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.model import Board
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.loader_config import LoaderConfig, LoaderConfigs


class Lab(Protocol):
    """The boards, as a boot loader's request finds them."""

    def by_mac(self, mac: str) -> Situation | None: ...

    def by_address(self, address: str) -> Situation | None: ...

    def fetched_boot_config(self, name: str) -> None:
        """The board of that name was sent the config that boots an image."""


class ImageConfig(MemoryContent):
    """A config that boots an image; says so once when it has been read to its end."""

    def __init__(self, data: bytes, fetched: Callable[[], None]) -> None:
        super().__init__(data)
        self._fetched = fetched
        self._unread = True

    def read(self, offset: int, length: int) -> bytes:
        if self._unread and offset + length >= self.size:
            self._unread = False
            self._fetched()
        return super().read(offset, length)


class BootServer:
    """Resolves the names that boot loaders ask for; `root` None: there are no files."""

    def __init__(self, lab: Lab, configs: LoaderConfigs, root: Root | None) -> None:
        self._lab, self._configs, self._root = lab, configs, root

    def resolve(self, filename: str, client_address: str) -> Content:
        """What is sent; raises Refused, NotFound, or OSError as `Root.open` does."""
        situation = self._find(filename, client_address)
        if situation is None:
            return self._open(filename)
        try:
            config = self._configs.of(situation)
        except NothingToBoot as nothing:
            raise Refused(Code.NOT_FOUND, str(nothing)) from nothing
        if config is None:
            return self._open(filename)
        return self._content(config, situation.board, client_address)

    def _find(self, filename: str, client_address: str) -> Situation | None:
        """The board whose config is meant; its MAC tells more than its address."""
        name = parse_search_name(filename)
        if name is None:
            return None
        by_mac = self._lab.by_mac(name.mac) if name.mac is not None else None
        return by_mac or self._lab.by_address(client_address)

    def _content(
        self, config: LoaderConfig, board: Board, client_address: str
    ) -> Content:
        """A look at the config from elsewhere is not the board's."""
        if config.image is None or board.address not in (None, client_address):
            return MemoryContent(config.text)
        fetched = partial(self._lab.fetched_boot_config, board.name)
        return ImageConfig(config.text, fetched)

    def _open(self, filename: str) -> Content:
        if self._root is None:
            raise NotFound(filename)
        return self._root.open(filename)
