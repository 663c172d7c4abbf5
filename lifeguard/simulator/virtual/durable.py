"""What is on the disk: it outlives every daemon, and each write is whole or nothing.

The same guards as the SQL has: a board's row moves on by one version, an older mark
never replaces a newer one, service seconds never go back.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from lifeguard.model import HistoryRow, Notice, Outlet, Owed, Saved, Standing
from lifeguard.store import Superseded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifeguard.model import Change

KEPT = 40
"""Rows of history kept for each board."""

COALESCED = 20
"""Among so many of a board's newest rows a repeated one is looked for."""


class Written(NamedTuple):
    """A change that is on the disk, and the standing it replaced, if there was one."""

    before: Standing | None
    change: Change


class Durable:
    """The tables of lifeguard's database."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.owed: dict[Outlet, Owed] = {}
        self.notices: dict[int, Notice] = {}
        self.service_seconds = 0.0
        self._rows = 0
        self._history: dict[str, deque[HistoryRow]] = {}

    def load(self) -> Saved:
        """Everything that lifeguard resumes from."""
        return Saved(
            service_seconds=self.service_seconds,
            standings=dict(self.standings),
            owed=tuple(self.owed.values()),
            notices=tuple(self.notices.values()),
        )

    def history(self, board: str) -> deque[HistoryRow]:
        """The board's newest rows, the oldest of them first."""
        return self._history.setdefault(board, deque(maxlen=KEPT))

    def commit(self, change: Change) -> Written:
        """One step of a board. Superseded when its row has moved on."""
        after = change.after
        before = self.standings.get(after.board)
        if after.version != (before.version if before is not None else 0) + 1:
            raise Superseded("the board's row is at another version")
        self.standings[after.board] = after
        self._insert(change.row)
        for owed in change.owed:
            self._owe(owed)
        for notice in change.notices:
            self._rows += 1
            self.notices[self._rows] = replace(notice, id=self._rows)
        return Written(before, change)

    def settle(self, owed: Owed) -> None:
        """Take a mark away, but for one of another board or a newer generation."""
        kept = self.owed.get(owed.outlet)
        if kept is not None and kept.board == owed.board and not _newer(kept, owed):
            del self.owed[owed.outlet]

    def record(self, row: HistoryRow) -> None:
        """Count the row into a recent one like it, or insert it."""
        rows = self.history(row.board)
        for back, kept in enumerate(islice(reversed(rows), COALESCED), start=1):
            if _alike(kept, row):
                count = kept.count + row.count
                rows[-back] = replace(
                    kept, count=count, last=row.last or row.at, reason=row.reason
                )
                return
        self._insert(row)

    def told(self, notices: Iterable[Notice]) -> None:
        """Forget notices that somebody has heard."""
        for notice in notices:
            self.notices.pop(notice.id, None)

    def save_time(self, seconds: float) -> None:
        """Move the service seconds on."""
        self.service_seconds = max(self.service_seconds, seconds)

    def _insert(self, row: HistoryRow) -> None:
        self._rows += 1
        self.history(row.board).append(replace(row, id=self._rows))

    def _owe(self, owed: Owed) -> None:
        kept = self.owed.get(owed.outlet)
        if kept is None or not _newer(kept, owed):
            self.owed[owed.outlet] = owed


def _alike(kept: HistoryRow, row: HistoryRow) -> bool:
    return (
        kept.event == row.event
        and kept.outcome == row.outcome
        and kept.generation == row.generation
        and kept.from_state == row.from_state
        and kept.source == row.source
    )


def _newer(kept: Owed, owed: Owed) -> bool:
    return kept.board == owed.board and kept.generation > owed.generation
