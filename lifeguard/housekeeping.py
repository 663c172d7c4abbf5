"""Forgets the history that is older than a lab wants it, a little at a time.

A step is small, and others write between two: nobody waits for it. A pass that fails
is begun anew with the next one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.clock import WallClock

log = Logger()

FIRST_SECONDS = 60.0
"""Until the first pass: a start has other things to do."""

PASS_SECONDS = 3600.0
STEP_SECONDS = 0.1
STEP_ROWS = 100
"""A thousand rows a second, more than any lab writes; a step takes some 10 ms."""


class Store(Protocol):
    """The part of the store that forgets."""

    def forget_history(
        self, older_than: datetime, after: int, at_most: int
    ) -> Deferred[int | None]: ...


class Housekeeping(Service):
    """Keeps what the store remembers of the last `days`."""

    def __init__(
        self, store: Store, clock: IReactorTime, wall: WallClock, days: float
    ) -> None:
        self._store, self._clock, self._wall = store, clock, wall
        self._kept = timedelta(days=days)
        self._going_on: Deferred[None] | None = None
        self._listeners: list[Callable[[datetime], None]] = []

    def subscribe(self, listener: Callable[[datetime], None]) -> None:
        """Hear after each pass before which moment all has been forgotten."""
        self._listeners.append(listener)

    def startService(self) -> None:
        super().startService()
        self._going_on = Deferred.fromCoroutine(self._go_on())
        self._going_on.addErrback(_broke)

    def stopService(self) -> None:
        super().stopService()
        if self._going_on is not None:
            self._going_on.cancel()

    async def _go_on(self) -> None:
        await deferLater(self._clock, FIRST_SECONDS)
        while True:
            try:
                await self._forget(self._wall() - self._kept)
            except StoreError as error:
                log.warn("history is forgotten later: {error}", error=error)
            await deferLater(self._clock, PASS_SECONDS)

    async def _forget(self, older_than: datetime) -> None:
        after: int | None = 0
        while after is not None:
            await deferLater(self._clock, STEP_SECONDS)
            after = await self._store.forget_history(older_than, after, STEP_ROWS)
        for listener in self._listeners:
            listener(older_than)


def _broke(failure: Failure) -> None:
    if failure.check(CancelledError) is None:
        log.failure("housekeeping broke", failure)
