"""A fleet in this process, on the database of a lab; its power boards do nothing.

What these benchmarks know of how a fleet is put together stands here alone.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from lifeguard import garbage
from lifeguard.clock import ServiceTime, utc_now
from lifeguard.config import load
from lifeguard.fleet import Fleet
from lifeguard.health.poller import Poller
from lifeguard.store import SqlStore, WorkerThreads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.lab import Lab
    from lifeguard.fleet import Store
    from lifeguard.health.checks import Probes
    from lifeguard.model import (
        Change,
        HistoryRow,
        Outlet,
        Owed,
        RelayBoardChange,
        Standing,
    )
    from lifeguard.store import Presence


class StandingFleet:
    """A fleet that has resumed, and the store beneath it."""

    def __init__(
        self, fleet: Fleet, poller: Poller, store: SqlStore, service_time: ServiceTime
    ) -> None:
        self.fleet, self.service_time = fleet, service_time
        self._poller, self._store = poller, store

    async def stop(self) -> None:
        self.fleet.stopService()
        self._poller.stopService()
        await self._store.close()
        gc.unfreeze()


TAKING_UP_SECONDS = 1.0
"""Until every board has been taken up again, at the rate of these labs."""


def log_to(path: Path) -> None:
    """Write the log as twistd does; it is a part of what an event costs.

    What ends the benchmark itself is shown besides.
    """
    threshold = LogLevelFilterPredicate(LogLevel.critical)
    shown = FilteringLogObserver(textFileLogObserver(sys.stderr), [threshold])
    observers = [textFileLogObserver(path.open("w")), shown]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)


async def stand(
    reactor: Any,
    lab: Lab,
    probes: Probes,
    wrap: Callable[[SqlStore], Store] = lambda store: store,
) -> StandingFleet:
    """Load and resume the boards of `lab`; the reactor's clock must be monotonic.

    The fleet has for its store what `wrap` makes of the lab's.
    """
    configuration, service_time = load(lab.configuration), ServiceTime(reactor)
    store = SqlStore(
        lab.database,
        clock=reactor,
        service_seconds=service_time.stamp,
        threads=WorkerThreads(reactor),
        replaced=print,
    )
    poller = Poller(reactor, configuration.health, probes)
    saved = await store.open()
    service_time.start(saved.service_seconds)
    fleet = Fleet(
        configuration.inventory,
        wrap(store),
        poller,
        reactor,
        service_time,
        utc_now,
        configuration.server.resume_rate,
    )
    fleet.load(saved, IdlePower())
    fleet.startService()
    fleet.resume(saved, IdlePower())
    await deferLater(reactor, TAKING_UP_SECONDS)
    # As the daemon does: what has been made by now stays.
    gc.collect()
    garbage.settle()
    return StandingFleet(fleet, poller, store, service_time)


class IdlePower:
    """Takes every order; nothing ever comes of it."""

    def cycle(self, board: str, generation: int, outlets: tuple[Outlet, ...]) -> None:
        """Nothing."""

    keep_off = switch_on = cycle

    def let_go(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> Deferred[None]:
        return succeed(None)

    def switch_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...], urgent: bool
    ) -> None:
        """Nothing."""

    def owe(self, owed: tuple[Owed, ...]) -> None:
        """Nothing."""

    def is_switching(self, board: str) -> bool:
        return False


class InstantProbes:
    """Every board is well, and says so at once."""

    def ping(self, address: str) -> Deferred[None]:
        return succeed(None)

    def connect(self, address: str, port: int) -> Deferred[None]:
        return succeed(None)

    def fetch(self, url: str) -> Deferred[None]:
        return succeed(None)


class InstantStore:
    """Has saved whatever it is given; what it costs is what a board costs alone."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def commit(self, change: Change) -> Deferred[None]:
        return succeed(None)

    def record(self, row: HistoryRow) -> Deferred[None]:
        return succeed(None)

    def settle(self, owed: Owed) -> Deferred[None]:
        return succeed(None)

    def relay_board_changed(self, change: RelayBoardChange) -> Deferred[None]:
        return succeed(None)

    def save_time(self) -> Deferred[None]:
        return succeed(None)

    def standing(self, board: str) -> Deferred[Standing | None]:
        return self._store.standing(board)

    def tell(self, presence: Presence) -> None:
        self._store.tell(presence)
