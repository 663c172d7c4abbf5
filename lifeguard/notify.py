"""Tells people what they should hear: each notice is a row until it was told.

So a crash loses none. A notice is told by a line of the log; in the commit that forgets
it, it becomes an alert that waits for each channel that wants it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.model import Alert, Change, Notice

log = Logger()

RETRY_SECONDS = 10.0

TOGETHER = 100
"""Notices that are forgotten in one write, and logged again if that gets lost."""


class Store(Protocol):
    """The part of the store that keeps notices."""

    def notices(self) -> Deferred[list[Notice]]: ...
    def told(
        self, notices: Sequence[Notice], waiting: Sequence[Alert]
    ) -> Deferred[None]: ...


class Addressees(Protocol):
    """Who wants to hear more than the log."""

    def alerts(self, notices: Sequence[Notice]) -> Sequence[Alert]:
        """What is to wait for whom."""

    def waits(self, alerts: Sequence[Alert]) -> None:
        """It does so from now on."""


class Nobody:
    """The addressees of a lab that reads its log."""

    def alerts(self, notices: Sequence[Notice]) -> Sequence[Alert]:
        return ()

    def waits(self, alerts: Sequence[Alert]) -> None:
        """There are none."""


class Notifier:
    """Tells what the store holds, one telling at a time."""

    def __init__(
        self, store: Store, clock: IReactorTime, addressees: Addressees | None = None
    ) -> None:
        self._store, self._clock = store, clock
        self._addressees = addressees or Nobody()
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
                for some in _portions(await self._store.notices()):
                    await self._tell(some)
        except StoreError as error:
            log.warn("notices wait for the store: {error}", error=error)
            self._retry = self._clock.callLater(RETRY_SECONDS, self.tell)
        finally:
            self._telling = False

    async def _tell(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            log.warn("{board}: {text}", board=notice.board, text=notice.text)
        alerts = self._addressees.alerts(notices)
        await self._store.told(notices, alerts)
        self._addressees.waits(alerts)


def _portions(notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
    for first in range(0, len(notices), TOGETHER):
        yield notices[first : first + TOGETHER]
