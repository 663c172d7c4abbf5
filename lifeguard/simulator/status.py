"""A JSON file of what every board is doing, for tests and for curious people.

Written whole and renamed into place, so that a reader never sees half of it; soon
after a change, not once for each.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import json

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.simulator.board import Board

DELAY_SECONDS = 0.2


class StatusFile:
    """`{"boards": {NAME: {"power": "on" or "off", "runs": ..., "disk": IMAGE}}}`.

    `runs` is off, loader, installer, self-test, maintenance, system or hung;
    `disk` is null while there is no image on it.
    """

    def __init__(
        self, path: Path, clock: IReactorTime, boards: Collection[Board]
    ) -> None:
        self._path = path
        self._clock = clock
        self._boards = boards
        self._timer: IDelayedCall | None = None

    def changed(self) -> None:
        """Something is to be written within DELAY_SECONDS."""
        if self._timer is None:
            self._timer = self._clock.callLater(DELAY_SECONDS, self._write_later)

    def write(self) -> None:
        """Write it now."""
        boards = {board.planned.name: _told(board) for board in self._boards}
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(json.format(json.encode({"boards": boards})))
        os.replace(unfinished, self._path)

    def stop(self) -> None:
        """Leave the file as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_later(self) -> None:
        self._timer = None
        self.write()


def _told(board: Board) -> dict[str, str | None]:
    return {
        "power": "on" if board.powered else "off",
        "runs": board.runs,
        "disk": board.disk.image if board.disk else None,
    }
