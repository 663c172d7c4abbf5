"""Follows each board's boot through what its address is sent, and tells the lab.

A boot begins with its config, which names the files to look out for. What somebody
else fetches is no board's; a boot that begins anew is followed anew.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from lifeguard.lifecycle.state import CONFIG_FETCHED
from lifeguard.netboot.names import path_parts, same_file
from lifeguard.netboot.progress import Progress, begun, fetched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lifeguard.clock import WallClock
    from lifeguard.netboot.files import Content, FileContent
    from lifeguard.netboot.loaders import Part


class Lab(Protocol):
    """Who hears how far boots have come."""

    def saw(self, board: str, event: str, progress: Progress) -> None:
        """`event` is the newest step of `progress`."""


class WatchedContent:
    """Content that passes on, once each, that its first and its last byte were sent."""

    def __init__(
        self,
        content: Content,
        *,
        begun: Callable[[], None] | None = None,
        ended: Callable[[], None] | None = None,
    ) -> None:
        self._content = content
        self._begun, self._ended = begun, ended

    @property
    def size(self) -> int:
        return self._content.size

    @property
    def file(self) -> FileContent | None:
        return self._content.file

    def read(self, offset: int, length: int) -> bytes:
        return self._content.read(offset, length)

    def sent(self, start: int, end: int) -> None:
        begun, ended = self._begun, self._ended
        if start == 0 and begun is not None:
            self._begun = None
            begun()
        if end >= self.size and ended is not None:
            self._ended = None
            ended()

    def close(self) -> None:
        self._content.close()


class Boot:
    """One boot: who boots, and the parts to look out for by the names they have."""

    def __init__(self, board: str, files: Mapping[str, Part], progress: Progress):
        self.board, self.progress = board, progress
        self._files = [(path_parts(named), part) for named, part in files.items()]

    def lacks(self, filename: str) -> Part | None:
        """What the file is to this boot, unless the board has it already."""
        asked = path_parts(filename)
        for named, part in self._files:
            if same_file(asked, named):
                return None if fetched(part) in self.progress.steps else part
        return None


class Witness:
    """The boots that are under way, at most one for each board."""

    def __init__(self, lab: Lab, wall: WallClock) -> None:
        self._lab, self._wall = lab, wall
        self._boots: dict[str, Boot] = {}
        """By the address that fetched the config."""
        self._addresses: dict[str, str] = {}
        """By board."""

    def config(self, boot: Boot, address: str, content: Content) -> Content:
        """What starts `boot` when `address` has been sent all of it."""
        return WatchedContent(content, ended=partial(self._begin, boot, address))

    def recall(self, boot: Boot, address: str) -> None:
        """Go on with a boot that `address` began before lifeguard was last started."""
        self._boots[address], self._addresses[boot.board] = boot, address

    def file(self, filename: str, address: str, content: Content) -> Content:
        """What may be a part of a boot that is under way at `address`."""
        boot = self._boots.get(address)
        if boot is None or (part := boot.lacks(filename)) is None:
            return content
        return WatchedContent(
            content,
            begun=partial(self._step, boot, address, begun(part)),
            ended=partial(self._step, boot, address, fetched(part)),
        )

    def _begin(self, boot: Boot, address: str) -> None:
        self._boots.pop(self._addresses.get(boot.board, ""), None)
        self.recall(boot, address)
        self._step(boot, address, CONFIG_FETCHED)

    def _step(self, boot: Boot, address: str, event: str) -> None:
        """A transfer of a boot that has been given up says nothing."""
        if self._boots.get(address) is boot:
            boot.progress = boot.progress.after(event, self._wall())
            self._lab.saw(boot.board, event, boot.progress)
