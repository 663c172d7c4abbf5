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
    from collections.abc import Callable, Iterable

    from lifeguard.model import (
        Change,
        Evidence,
        Incident,
        Judgement,
        RelayBoardChange,
    )

KEPT = 40
"""Rows of history kept for each board, and for each relay board."""

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
        self.incidents: dict[int, Incident] = {}
        """The open ones; of those that are closed the last id is kept."""
        self.service_seconds = 0.0
        self._rows = self._last_incident = 0
        self._evidence: dict[int, Evidence] = {}
        self._history: dict[str, deque[HistoryRow]] = {}
        self._relay_boards: dict[str, deque[RelayBoardChange]] = {}

    def load(self) -> Saved:
        """Everything that lifeguard resumes from."""
        return Saved(
            service_seconds=self.service_seconds,
            standings=dict(self.standings),
            owed=tuple(self.owed.values()),
            notices=tuple(self.notices.values()),
            incidents=tuple(self.incidents.values()),
            last_incident=self._last_incident,
        )

    def history(self, board: str) -> deque[HistoryRow]:
        """The board's newest rows, the oldest of them first."""
        return self._history.setdefault(board, deque(maxlen=KEPT))

    def relay_board_history(self, relay_board: str) -> deque[RelayBoardChange]:
        """The relay board's newest rows, the oldest of them first."""
        return self._relay_boards.setdefault(relay_board, deque(maxlen=KEPT))

    def evidence(
        self, after: int, since: float, until: float, at_most: int
    ) -> list[tuple[int, Evidence]]:
        """What was said from `since` to `until` in service seconds, with its ids.

        Those above `after`, the first `at_most` of them.
        """
        said = (
            (number, each)
            for number, each in self._evidence.items()
            if number > after and since <= each.seconds <= until
        )
        return list(islice(said, at_most))

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
        self._note(change.notices)
        if change.evidence is not None:
            self._rows += 1
            self._evidence[self._rows] = change.evidence
        return Written(before, change)

    def judge(self, judgement: Judgement) -> Incident | None:
        """Write an incident as it is by now; what it was before, if it was open."""
        incident = judgement.incident
        before = self.incidents.pop(incident.id, None)
        self._last_incident = max(self._last_incident, incident.id)
        if incident.closed is None:
            self.incidents[incident.id] = incident
        elif incident.cause.kind == "image":
            self._acquit(incident.cause.name)
        self._note(judgement.notices)
        return before

    def forget_evidence(self, before: float) -> None:
        """Forget what was said before these service seconds."""
        self._keep_evidence(lambda each: each.seconds >= before)

    def relay_board_changed(self, change: RelayBoardChange) -> None:
        """A relay board is in another state."""
        self._rows += 1
        row = replace(change, id=self._rows)
        self.relay_board_history(change.relay_board).append(row)

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

    def _note(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self._rows += 1
            self.notices[self._rows] = replace(notice, id=self._rows)

    def _acquit(self, image: str) -> None:
        def is_kept(said: Evidence) -> bool:
            installs = said.about == "install" and said.image == image
            return said.verdict == "well" or not installs

        self._keep_evidence(is_kept)

    def _keep_evidence(self, is_kept: Callable[[Evidence], bool]) -> None:
        kept = {
            number: each for number, each in self._evidence.items() if is_kept(each)
        }
        self._evidence = kept

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
