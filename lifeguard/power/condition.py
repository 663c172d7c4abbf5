"""How a relay board itself is doing, by what fails on it: pure.

A failure is either the relay board's or one outlet's own. It is the outlet's own when
that outlet has failed TRIES times in a row although the relay board answered in
between, to a test or for another outlet; unless ALIKE outlets have failed with nothing
done right since the first of them: so many do not break at once.

Suspect is a relay board from its first failure on; Broken is it when BROKEN_SECONDS
have passed since. It is Working again when it has switched an outlet: then those that
had failed alike did so by themselves. Where no ALIKE outlets had failed, it suffices
that it has passed a test and nobody waits to have one switched.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from lifeguard.power.errors import OutletError, RelayError

State = Literal["Working", "Suspect", "Broken"]

TRIES = 2
ALIKE = 3
BROKEN_SECONDS = 30.0

FIRST_PROBE_SECONDS = 1.0
LAST_PROBE_SECONDS = 30.0
"""The pause before it is tried again, doubled from the first to the last."""


class Since(Struct, frozen=True):
    """A state, when it began in seconds of the clock, and what led to it."""

    state: State
    at: float
    why: str = ""


class Condition:
    """What has come of everything that was asked of one relay board."""

    def __init__(self, now: float) -> None:
        self.since = Since("Working", now)
        self._suspect_at = now
        self._probes = 0
        self._failures: dict[str, int] = {}
        """In a row, of each outlet whose last try has failed."""
        self._alike: set[str] = set()
        """The outlets that have failed since one was last switched."""
        self._own: set[str] = set()
        """The outlets whose last failure was their own: they prove nothing any more."""
        self._answered = True
        """Whether it has answered since the last failure that was its own."""

    @property
    def works(self) -> bool:
        return self.since.state == "Working"

    @property
    def is_doubted(self) -> bool:
        """Whether only an outlet that is switched can prove that it works."""
        return len(self._alike) >= ALIKE

    def decides(self, outlet: str) -> bool:
        """Whether a try of this outlet says more than is known already."""
        return outlet not in self._alike | self._own

    def pause(self) -> float:
        """Seconds until it should be tried again."""
        doubled: float = FIRST_PROBE_SECONDS * 2 ** min(self._probes - 1, 10)
        return min(doubled, LAST_PROBE_SECONDS)

    def answered(self) -> None:
        """It has passed a test."""
        self._answered = True

    def unproved(self) -> None:
        """It has passed a test, and nobody was there to have an outlet switched."""
        self._probes += 1

    def switched(self, outlet: str, now: float) -> None:
        """It did as it was asked, and that was read back."""
        self._failures.pop(outlet, None)
        if self.is_doubted:
            self._own |= self._alike
        self._own.discard(outlet)
        self._alike.clear()
        self.recovered(now)

    def recovered(self, now: float) -> None:
        """Nothing speaks against it any more."""
        self._answered, self._probes = True, 0
        if not self.works:
            self.since = Since("Working", now)

    def outlet_failed(self, outlet: str, error: RelayError, now: float) -> bool:
        """Something failed for one outlet; True: that is the outlet's own failure."""
        self._failures[outlet] = self._failures.get(outlet, 0) + 1
        if outlet not in self._own:
            self._alike.add(outlet)
        spoke = isinstance(error, OutletError)
        if self.is_doubted or not (spoke or self._answered):
            self.failed(error, now)
            return False
        if self._failures[outlet] >= TRIES:
            del self._failures[outlet]
            self._own.add(outlet)
            self.recovered(now)
            return True
        if not spoke:
            self.failed(error, now)
        return False

    def failed(self, error: RelayError, now: float) -> None:
        """It did not answer, or not as it should."""
        self._answered = False
        self._probes += 1
        if self.works:
            self._suspect_at = now
            self.since = Since("Suspect", now, str(error))
        elif now - self._suspect_at >= BROKEN_SECONDS and not self.broken:
            self.since = Since("Broken", now, str(error))

    @property
    def broken(self) -> bool:
        return self.since.state == "Broken"
