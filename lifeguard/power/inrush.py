"""How many outlets are switched on at once, and how far apart: inrush."""

from __future__ import annotations

from collections import deque


class Inrush:
    """Lets at most `at_once` outlets be switched on within any `apart` seconds."""

    def __init__(self, at_once: int, apart: float) -> None:
        self._apart = apart
        self._moments: deque[float] = deque(maxlen=at_once)

    def switched_on(self, now: float) -> None:
        """One more was."""
        self._moments.append(now)

    def wait(self, now: float) -> float:
        """Seconds until the next may be; 0: now."""
        if len(self._moments) < (self._moments.maxlen or 0):
            return 0.0
        return max(0.0, self._moments[0] + self._apart - now)
