"""Rules about a store that goes away: nothing is begun without it, all goes on after.

The daemon knows of it from its writer; what it may do depends on that, and what it must
do on when the disk was there in fact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifeguard.clock import ServiceTime
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.uptime import Uptime, Watchdog
    from lifeguard.simulator.virtual.verdict import Verdicts

BACK_SECONDS = 2.0
"""So soon after the store's return all goes on."""


class OutageRules:
    """Watches a daemon that has its store, loses it, and has it again."""

    def __init__(
        self, clock: HeapClock, uptime: Uptime, watchdog: Watchdog, verdicts: Verdicts
    ) -> None:
        self._clock, self._uptime = clock, uptime
        self._watchdog, self._verdicts = watchdog, verdicts
        self._service_time: ServiceTime | None = None
        self._known = False
        """Whether the daemon knows that the store is away."""

    def began(self, service_time: ServiceTime) -> None:
        """A daemon has loaded what was saved."""
        self._service_time, self._known = service_time, False
        self._uptime.begin()
        self._check_time()
        self._watchdog.go_on()

    def ended(self) -> None:
        """The daemon is gone."""
        self._service_time, self._known = None, False
        self._uptime.end()

    # What happens to the store.

    def store_left(self) -> None:
        """From now on no transaction is written."""
        self._uptime.store_left()

    def store_came_back(self) -> None:
        """From now on all transactions are."""
        self._uptime.store_came_back()
        self._watchdog.go_on()
        self._expect_return()

    def answer_lost(self) -> None:
        """That is a short outage."""
        self._uptime.store_disturbed()
        self._expect_return()

    # What the daemon knows.

    def became_known(self) -> None:
        """The daemon has heard that the store is away."""
        self._check_time()
        self._known = True
        self._uptime.pause()

    def is_over(self) -> None:
        """The daemon has heard that it is back, and has not gone on yet."""
        self._check_time()
        self._known = False
        self._uptime.go_on()

    # What it does.

    def caller_hears(self, board: str) -> None:
        """Somebody hears that a write may not have been made."""
        text = "a caller heard that the store is away before lifeguard did"
        self._verdicts.check(self._known, 8, board, text)

    def poll_begins(self) -> None:
        text = "a poll was begun, and the store is away"
        self._verdicts.check(not self._known, 8, "", text)

    def _check_time(self) -> None:
        assert self._service_time is not None
        counted, expected = self._service_time.now(), self._uptime.now()
        text = f"counts {counted:.3f} service seconds, not {expected:.3f}"
        self._verdicts.check(abs(counted - expected) < 1e-3, 5, "", text)

    def _expect_return(self) -> None:
        def look() -> None:
            there = self._uptime.undisturbed() + 1e-3 >= BACK_SECONDS
            text = "the store is back, and lifeguard does not know"
            self._verdicts.check(not (there and self._known), 8, "", text)

        self._clock.callLater(BACK_SECONDS, look)
