"""What is counted of the boards' changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lifeguard.model import Change


class Move(NamedTuple):
    """From one state to another; of these there are as many as lifecycles declare."""

    from_state: str
    event: str
    to_state: str


class Changes:
    """Counts what has been committed, since lifeguard was started."""

    def __init__(self) -> None:
        self.moves: Counter[Move] = Counter()
        self.strikes: Counter[str] = Counter()
        """By the state that they were counted against."""
        self.given_up: Counter[str] = Counter()
        """By the state in which that was."""

    def changed(self, change: Change) -> None:
        """One more."""
        row = change.row
        if row.outcome == "moved":
            self.moves[Move(row.from_state, row.event, row.to_state)] += 1
        if change.evidence is not None and change.evidence.verdict != "well":
            self._failed(change)

    def _failed(self, change: Change) -> None:
        state = change.row.from_state
        if change.evidence is not None and change.evidence.verdict == "given-up":
            self.given_up[state] += 1
        strikes = change.after.strikes.get(state)
        # A failure that is excused leaves the last strike where it was.
        if strikes is not None and strikes.last == change.after.entered:
            self.strikes[state] += 1
