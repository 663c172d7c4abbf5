"""What is counted of the boards' changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifeguard.model import Change, Evidence, Strikes


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
        row, evidence = change.row, change.evidence
        if row.outcome == "moved":
            self.moves[row.from_state, row.event, row.to_state] += 1
        if evidence is not None and evidence.verdict != "well":
            self._failed(evidence, change.after.strikes.get(evidence.state))

    def _failed(self, evidence: Evidence, strikes: Strikes | None) -> None:
        if evidence.verdict == "given-up":
            self.given_up[evidence.state] += 1
        # A failure that is excused leaves the last strike where it was.
        if strikes is not None and strikes.last == evidence.seconds:
            self.strikes[evidence.state] += 1
