"""What was said before a start is read after it, and forgotten when it is of no use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.blame.clerk import RETRY_SECONDS
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.blame.seams import Store
    from lifeguard.clock import ServiceTime
    from lifeguard.model import Evidence

log = Logger()

PAGE = 500
"""So much evidence is read in one turn: some 5 ms."""

FORGET_SECONDS = 3600.0


class Recollection:
    """Recalls the last `window` service seconds, and keeps no more than those."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        service_time: ServiceTime,
        window: float,
    ) -> None:
        self._store, self._clock = store, clock
        self._service_time, self._window = service_time, window
        self._going_on: Deferred[None] | None = None

    def begin(
        self,
        until: float,
        recall: Callable[[Evidence], object],
        recalled: Callable[[], None],
    ) -> None:
        """Give `recall` what was said up to `until`, then call `recalled` once."""
        self._going_on = Deferred.fromCoroutine(self._go_on(until, recall, recalled))
        self._going_on.addErrback(_broke)

    def stop(self) -> None:
        if self._going_on is not None:
            self._going_on.cancel()

    async def _go_on(
        self,
        until: float,
        recall: Callable[[Evidence], object],
        recalled: Callable[[], None],
    ) -> None:
        after: int | None = 0
        while after is not None:
            try:
                after = await self._recall_page(after, until, recall)
            except StoreError as error:
                log.warn("evidence waits for the store: {error}", error=error)
                await deferLater(self._clock, RETRY_SECONDS)
        recalled()
        while True:
            await deferLater(self._clock, FORGET_SECONDS)
            await self._forget()

    async def _recall_page(
        self, after: int, until: float, recall: Callable[[Evidence], object]
    ) -> int | None:
        """The id to go on from; None when there is no more."""
        await deferLater(self._clock, 0)
        page = await self._store.evidence(after, until - self._window, until, PAGE)
        for _, evidence in page:
            recall(evidence)
        return page[-1][0] if len(page) == PAGE else None

    async def _forget(self) -> None:
        before = self._service_time.now() - self._window
        try:
            await self._store.forget_evidence(before)
        except StoreError as error:
            log.warn("evidence is forgotten later: {error}", error=error)


def _broke(failure: Failure) -> None:
    if failure.check(CancelledError) is None:
        log.failure("the recollection broke", failure)
