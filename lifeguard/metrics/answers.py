"""What is counted of the answers that the HTTP interface gives."""

from __future__ import annotations

from collections import Counter

from lifeguard.tally import SECONDS, Histogram


class Answers:
    """How operations were answered, and how long that took.

    An operation is named as the interface declares it, such as `GET /boards/<name>`:
    of these there are a few, whatever clients ask for.
    """

    def __init__(self) -> None:
        self.statuses: Counter[tuple[str, int]] = Counter()
        """By operation and status."""
        self.seconds: dict[str, Histogram] = {}
        """From the last byte of a request to the last of its answer."""
        self.connections_refused = 0
        """Those of addresses that had too many open."""

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """One more."""
        if operation not in self.seconds:
            self.seconds[operation] = Histogram(SECONDS)
        self.seconds[operation].observe(seconds)
        self.statuses[operation, status] += 1
