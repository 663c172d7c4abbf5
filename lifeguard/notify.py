"""Tells people what they should hear: each notice is a row until it was told.

So a crash loses none. For now a notice is told by a line of the log; other ways
belong here, behind the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lifeguard.store import StoreError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.model import Change, Notice

log = Logger()

RETRY_SECONDS = 10.0


class Store(Protocol):
    """The part of the store that keeps notices."""

    def notices(self) -> Deferred[list[Notice]]: ...
    def told(self, notice: Notice) -> Deferred[None]: ...


class Notifier:
    """Tells what the store holds, one telling at a time."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store, self._clock = store, clock
        self._retry: IDelayedCall | None = None
        self._telling = False
        self._more = False

    def changed(self, change: Change) -> None:
        """A committed change may have brought a notice."""
        if change.notices:
            self.tell()

    def tell(self) -> None:
        """Tell all that has not been told; what fails is tried again by itself."""
        self._more = True
        if not self._telling:
            Deferred.fromCoroutine(self._tell_all())

    def store_is_away(self) -> None:
        """What is not told yet has to wait."""

    def store_is_back(self) -> None:
        """What has waited is told."""
        self.tell()

    def stop(self) -> None:
        """What has not been told is told at the next start."""
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    async def _tell_all(self) -> None:
        self._telling = True
        try:
            while self._more:
                self._more = False
                for notice in await self._store.notices():
                    log.warn("{board}: {text}", board=notice.board, text=notice.text)
                    await self._store.told(notice)
        except StoreError as error:
            log.warn("notices wait for the store: {error}", error=error)
            self._retry = self._clock.callLater(RETRY_SECONDS, self.tell)
        finally:
            self._telling = False
