"""Service seconds, counted by `ServiceTime`, are saved for the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.task import LoopingCall

from lifeguard.store import StoreError

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime

SAVE_TIME_SECONDS = 5.0
"""How often the service seconds are saved; as much is lost by a kill -9."""


class Store(Protocol):
    """The part of the store that keeps the service seconds."""

    def save_time(self) -> Deferred[None]: ...


class Timekeeper:
    """Has `store` save the service seconds, again and again."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._saving = LoopingCall(self._save)
        self._saving.clock = clock

    def start(self) -> None:
        """First of all in SAVE_TIME_SECONDS."""
        self._saving.start(SAVE_TIME_SECONDS, now=False)

    def stop(self) -> None:
        """Save no more; it need not have been started."""
        if self._saving.running:
            self._saving.stop()

    def _save(self) -> Deferred[None]:
        """What fails is made up for by the next time."""
        saving = self._store.save_time()
        return saving.addErrback(lambda failure: failure.trap(StoreError) and None)
