"""Has incidents saved, one after the other, before anything follows from them.

What waits while the store is away is saved when it is back; of one incident only the
newest judgement waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lifeguard.model import Judgement
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.model import Incident

log = Logger()

RETRY_SECONDS = 10.0


class Store(Protocol):
    """The part of the store that keeps incidents."""

    def save_incident(self, judgement: Judgement) -> Deferred[None]: ...


class Clerk:
    """`saved` hears of each incident that is in the store."""

    def __init__(
        self, store: Store, clock: IReactorTime, saved: Callable[[Incident], None]
    ) -> None:
        self._store, self._clock, self._saved = store, clock, saved
        self._waiting: dict[int, Judgement] = {}
        self._callers: dict[int, list[Deferred[None]]] = {}
        self._busy = False
        self._retry: IDelayedCall | None = None

    def write(self, judgement: Judgement) -> None:
        """Save it as soon as there is a store."""
        number = judgement.incident.id
        older = self._waiting.get(number, Judgement(judgement.incident)).notices
        self._waiting[number] = Judgement(
            judgement.incident, (*older, *judgement.notices)
        )
        self.go_on()

    def written(self, number: int) -> Deferred[None]:
        """Fires when what waits of that incident is saved; fails with StoreError."""
        done: Deferred[None] = Deferred()
        self._callers.setdefault(number, []).append(done)
        return done

    def go_on(self) -> None:
        """Save what waits."""
        if not self._busy:
            Deferred.fromCoroutine(self._write_all())

    def stop(self) -> None:
        """What is not saved is found out again after the next start."""
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    async def _write_all(self) -> None:
        self._busy = True
        try:
            while self._waiting:
                await self._write(next(iter(self._waiting)))
        except StoreError as error:
            log.warn("incidents wait for the store: {error}", error=error)
            self.stop()
            self._retry = self._clock.callLater(RETRY_SECONDS, self.go_on)
        finally:
            self._busy = False

    async def _write(self, number: int) -> None:
        judgement = self._waiting.pop(number)
        try:
            await self._store.save_incident(judgement)
        except StoreError as error:
            newer = self._waiting.pop(number, Judgement(judgement.incident))
            notices = (*judgement.notices, *newer.notices)
            self._waiting[number] = Judgement(newer.incident, notices)
            for caller in self._callers.pop(number, []):
                caller.errback(error)
            raise
        self._saved(judgement.incident)
        if number not in self._waiting:
            for caller in self._callers.pop(number, []):
                caller.callback(None)
