"""Loader configs as links in a directory, for a lab with a TFTP server of its own.

The directory is that server's `pxelinux.cfg`. Its `lifeguard/` is ours whole; beside
it only links that point into `lifeguard/` are. The files hold boot tokens and are
readable by all: a TFTP server gives them to anyone who asks.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lifeguard.netboot.loader_config import LoaderConfig, NothingToBoot
from lifeguard.netboot.names import mac_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lifeguard.model import Board
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.loader_config import Answer, LoaderConfigs

log = Logger()

OWN = "lifeguard"
"""The subdirectory that holds the files."""

_UNFINISHED = ".new"


class Symlinks:
    """Keeps `directory` as the boards' states want it; never raises OSError.

    What failed is logged, and tried again at the board's next change.
    """

    def __init__(self, directory: Path, configs: LoaderConfigs) -> None:
        self._directory, self._own = directory, directory / OWN
        self._configs = configs
        self._foreign: set[str] = set()

    def reconcile(self, situations: Iterable[Situation]) -> None:
        """Show all boards there are; what is left of any other is removed."""
        names = set()
        for situation in situations:
            self.show(situation)
            names.add(mac_name(situation.board.mac))
        for name in sorted(self._placed() - names):
            with _logged(name):
                self._remove(name)

    def show(self, situation: Situation) -> None:
        """Make the board's loader find what it shall boot now, or nothing."""
        name = mac_name(situation.board.mac)
        with _logged(situation.board.name):
            config = self._config(situation)
            if isinstance(config, LoaderConfig) and not self._is_foreign(name):
                self._write(name, config.text)
                self._link(name)
            else:
                self._remove(name)

    def forget(self, board: Board) -> None:
        """It is no board of the lab any more, or has another MAC."""
        with _logged(board.name):
            self._remove(mac_name(board.mac))

    def _config(self, situation: Situation) -> Answer | None:
        try:
            return self._configs.of(situation)
        except NothingToBoot:
            return None

    def _write(self, name: str, text: bytes) -> None:
        """Nobody sees half a file. A power failure's is written anew at the start."""
        if not self._own.is_dir():
            self._own.mkdir()
            self._own.chmod(0o755)  # twistd's umask keeps other users out
        unfinished = self._own / (name + _UNFINISHED)
        unfinished.write_bytes(text)
        unfinished.chmod(0o644)
        unfinished.replace(self._own / name)

    def _link(self, name: str) -> None:
        link, target = self._directory / name, f"{OWN}/{name}"
        if _target(link) == target:
            return
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    def _remove(self, name: str) -> None:
        """First the link, so that it never leads nowhere."""
        if _is_ours(self._directory / name):
            (self._directory / name).unlink()
        for file in (name, name + _UNFINISHED):
            (self._own / file).unlink(missing_ok=True)

    def _is_foreign(self, name: str) -> bool:
        """Whether somebody else put something there; said once."""
        path = self._directory / name
        if _is_ours(path) or not os.path.lexists(path):
            self._foreign.discard(name)
            return False
        if name not in self._foreign:
            log.warn("{path}: not lifeguard's, left alone", path=str(path))
        self._foreign.add(name)
        return True

    def _placed(self) -> set[str]:
        """The names of everything that was ever put here and is still there."""
        names: set[str] = set()
        with _logged("left-overs"):
            links = filter(_is_ours, self._directory.iterdir())
            names.update(link.name for link in links)
            files = self._own.glob("01-*")
            names.update(file.name.removesuffix(_UNFINISHED) for file in files)
        return names


def _target(path: Path) -> str | None:
    return os.readlink(path) if path.is_symlink() else None


def _is_ours(path: Path) -> bool:
    return (_target(path) or "").startswith(f"{OWN}/")


@contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("symlinks: {what}: {error}", what=what, error=error)
