"""How late the reactor is: a beat every second, and by how much each is overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.tally import SECONDS, Histogram

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

BEAT_SECONDS = 1.0


class Lag:
    """Beats between `start` and `stop`; whatever holds it up, holds up all else."""

    def __init__(self, clock: IReactorTime) -> None:
        self.seconds = Histogram(SECONDS)
        self._clock = clock
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to beat."""
        due = self._clock.seconds() + BEAT_SECONDS
        self._next = self._clock.callLater(BEAT_SECONDS, self._beat, due)

    def stop(self) -> None:
        """Beat no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _beat(self, due: float) -> None:
        self.seconds.observe(self._clock.seconds() - due)
        self.start()
