"""The lab's own count of service seconds, and what must come about within them.

A daemon counts these seconds too; that both agree is one of the rules. An
expectation is judged only when the daemon and its store have both been there for long
enough without a break.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.verdict import Verdicts


class Uptime:
    """Service seconds as the design defines them: they go on from the last write.

    They stand still while the daemon knows that it has no store.
    """

    def __init__(self, clock: HeapClock) -> None:
        self._clock = clock
        self._origin: float | None = None
        self._stands_at: float | None = None
        self._began_at: float | None = None
        """When the last transaction began; not saved, it did not pass."""
        self.saved = 0.0
        self._store_there_since = 0.0
        self.store_away = False
        self._up_since = 0.0

    @property
    def up(self) -> bool:
        return self._origin is not None

    def now(self) -> float:
        """Service seconds; those that were saved, while no daemon runs."""
        if self._origin is None:
            return self.saved
        if self._stands_at is not None:
            return self._stands_at
        return self._clock.seconds() - self._origin

    def begin(self) -> None:
        """A daemon has started."""
        self._began_at = None
        self._up_since = self._clock.seconds()
        self._origin = self._up_since - self.saved

    def end(self) -> None:
        """The daemon is gone, and with it what it has not saved."""
        self._origin = self._stands_at = None

    def transaction_begins(self) -> float:
        """Service seconds that are saved if it is written."""
        self._began_at = self.now()
        return self._began_at

    def pause(self) -> None:
        """The daemon knows that it has no store, since it began to write."""
        self._stands_at = self.now() if self._began_at is None else self._began_at

    def go_on(self) -> None:
        """It knows that it has one again."""
        self._origin, self._stands_at = self._clock.seconds() - self.now(), None

    def write(self, seconds: float) -> None:
        """A transaction that was begun at those service seconds is on the disk."""
        self.saved = max(self.saved, seconds)

    def store_left(self) -> None:
        self.store_away = True

    def store_came_back(self) -> None:
        self.store_away = False
        self.store_disturbed()

    def store_disturbed(self) -> None:
        """An answer was lost, which is a short outage."""
        self._store_there_since = self._clock.seconds()

    def seconds_up(self) -> float:
        """Seconds since the daemon has been there; 0 if it is not."""
        return self._clock.seconds() - self._up_since if self.up else 0.0

    def undisturbed(self) -> float:
        """Seconds since the daemon and its store have both been there; 0 if not."""
        if self.store_away:
            return 0.0
        return min(self.seconds_up(), self._clock.seconds() - self._store_there_since)


class Expectation(NamedTuple):
    """From `due` service seconds on, and undisturbed for `patience`, it is `met`."""

    rule: int
    board: str
    due: float
    patience: float
    met: Callable[[], bool]
    text: str


class Watchdog:
    """Looks whether what must come has come."""

    def __init__(self, clock: HeapClock, uptime: Uptime, verdicts: Verdicts) -> None:
        self._clock, self._uptime, self._verdicts = clock, uptime, verdicts
        self._held: list[Expectation] = []

    def expect(self, expectation: Expectation) -> None:
        """Look when that is fair: not before both have been there for long enough."""
        if not self._uptime.up or self._uptime.store_away:
            self._held.append(expectation)
            return
        self._clock.callLater(self._pause(expectation), self._look, expectation)

    def go_on(self) -> None:
        """The daemon or its store is back."""
        held, self._held = self._held, []
        for expectation in held:
            self.expect(expectation)

    def _look(self, expectation: Expectation) -> None:
        if expectation.met():
            return
        # A float may fall short by its last bit of what was slept.
        if self._pause(expectation) > 1e-3:
            self.expect(expectation)
        else:
            rule, board, _, _, _, text = expectation
            self._verdicts.broken(rule, board, text)

    def _pause(self, expectation: Expectation) -> float:
        """Seconds until it must be met."""
        left = expectation.due - self._uptime.now() + expectation.patience
        fair = expectation.patience - self._uptime.undisturbed()
        return max(0.0, left, fair)
