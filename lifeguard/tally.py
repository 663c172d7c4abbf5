"""What a part counts of its own work, for whoever reads it later: pure.

To count is an addition or two: it is done beside work that takes microseconds.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for what should take milliseconds, and may take as long as a store may."""


class Histogram:
    """How many values there were up to each bound, and above the one before it."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        """Ascending."""
        self.counts = [0] * (len(bounds) + 1)
        """One for each bound, and at the end those above all."""
        self.total = 0.0
        """The sum of the values."""

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
