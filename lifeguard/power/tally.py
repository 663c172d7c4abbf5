"""What is counted of power cycles, by relay board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Outcome = Literal["ok", "failed", "void"]
"""Void is a cycle that a relay board cut short by being ill, or closed."""

OUTCOMES: tuple[Outcome, ...] = ("ok", "failed", "void")


class CyclesEnded:
    """The cycles that have begun and ended, and their seconds from off to on.

    One with outlets on two relay boards counts for both.
    """

    def __init__(self, relay_boards: Iterable[str]) -> None:
        self.outcomes: dict[str, dict[Outcome, int]] = {}
        self.seconds: dict[str, float] = {}
        """All of them together, however they ended."""
        for name in relay_boards:
            self.begin(name)

    def begin(self, relay_board: str) -> None:
        """Count for this one, too."""
        self.outcomes[relay_board] = dict.fromkeys(OUTCOMES, 0)
        self.seconds[relay_board] = 0.0

    def forget(self, relay_board: str) -> None:
        """It is not there any more, and no cycle needs it."""
        del self.outcomes[relay_board], self.seconds[relay_board]

    def count(
        self, relay_boards: Iterable[str], outcome: Outcome, seconds: float
    ) -> None:
        """One has ended."""
        for name in relay_boards:
            self.outcomes[name][outcome] += 1
            self.seconds[name] += seconds
