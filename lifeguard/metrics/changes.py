"""What is counted of the boards' changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifeguard.model import Change


class Changes:
    """Counts what has been committed, since lifeguard was started."""

    def __init__(self) -> None:
        self.moves: Counter[tuple[str, str, str]] = Counter()
        """By the state that was left, the event, and the state that was entered: there
        are as many as lifecycles declare."""
        self.strikes: Counter[str] = Counter()
        """By the state that they were counted against."""
        self.given_up: Counter[str] = Counter()
        """By the state in which that was."""

    def changed(self, change: Change) -> None:
        """One more."""
        row = change.row
        if row.outcome == "moved":
            self.moves[row.from_state, row.event, row.to_state] += 1
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
