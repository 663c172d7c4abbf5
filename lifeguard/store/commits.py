"""What the writer counts of its transactions."""

from __future__ import annotations

from lifeguard.tally import SECONDS, Histogram

WRITES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Bounds for the size of a group."""


class Commits:
    """How long groups of writes took, and how large they were; those that failed, too.

    The time is that from a transaction's beginning until it is known to be durable.
    """

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        self.writes = Histogram(WRITES)

    def ended(self, writes: int, seconds: float) -> None:
        """A group of so many writes has been answered by the store."""
        self.writes.observe(writes)
        self.seconds.observe(seconds)
