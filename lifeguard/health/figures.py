"""The figures of the `[health]` table, wherever they are kept."""

from __future__ import annotations

from typing import Protocol


class HealthFigures(Protocol):
    """How often, how long and how patiently boards are polled."""

    @property
    def every(self) -> float:
        """Seconds between polls of a board that answers."""

    @property
    def retry(self) -> float:
        """Seconds between polls of a board that does not."""

    @property
    def misses(self) -> int:
        """Missed polls in a row that make a failure."""

    @property
    def timeout(self) -> float:
        """Seconds that a check may take to be answered."""

    @property
    def brake(self) -> float:
        """Share of the boards (0 to 1) that may fail at once and be told."""
