"""What a file name gets: the board's one decision, or a file below the root.

For a known board every name on its loader's search list is decided here, whatever
lies under the root. A board that is left alone is served as an unknown one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lifeguard.netboot.files import Content, MemoryContent, NotFound, Root
from lifeguard.netboot.loader_config import NothingToBoot
from lifeguard.netboot.names import parse_search_name
from lifeguard.netboot.tftp import Refused
from lifeguard.wire.tftp import Code

if TYPE_CHECKING:
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.loader_config import LoaderConfigs


class Lab(Protocol):
    """The boards, as a boot loader's request finds them."""

    def by_mac(self, mac: str) -> Situation | None: ...

    def by_address(self, address: str) -> Situation | None: ...

    def fetched_boot_config(self, name: str) -> None:
        """The board of that name was sent the config that boots an image."""


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
        if config.image is not None:
            self._lab.fetched_boot_config(situation.board.name)
        return MemoryContent(config.text)

    def _find(self, filename: str, client_address: str) -> Situation | None:
        """The board whose config is meant; its MAC tells more than its address."""
        name = parse_search_name(filename)
        if name is None:
            return None
        by_mac = self._lab.by_mac(name.mac) if name.mac is not None else None
        return by_mac or self._lab.by_address(client_address)

    def _open(self, filename: str) -> Content:
        if self._root is None:
            raise NotFound(filename)
        return self._root.open(filename)
