"""Whether an outlet that is off stays so: read at a quiet pace, and nothing touched.

A relay board that loses its own power comes back with its outlets as it likes, and
nobody is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.power.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.model import Outlet
    from lifeguard.power.seams import Switches

log = Logger()


class OffWatch:
    """Looks at `outlet` until it is stopped; `may_be_on` hears of what is not off.

    With True, that it was read as on; with False, that it cannot be read.
    """

    def __init__(
        self,
        outlet: Outlet,
        queue: Switches,
        clock: IReactorTime,
        may_be_on: Callable[[Outlet, bool], None],
    ) -> None:
        self._outlet, self._queue, self._clock = outlet, queue, clock
        self._may_be_on = may_be_on
        self._watching = Deferred.fromCoroutine(self._watch())
        self._watching.addErrback(self._ended)

    def stop(self) -> None:
        """Look no more."""
        self._watching.cancel()

    async def _watch(self) -> None:
        if not (seconds := self._queue.off_check):
            return
        # Those that were switched off together are not looked at together.
        share = crc32(str(self._outlet).encode()) / 2**32
        await deferLater(self._clock, seconds * share)
        while True:
            await self._look()
            await deferLater(self._clock, seconds)

    async def _look(self) -> None:
        try:
            has_power = await self._queue.read(self._outlet)
        except RelayError:
            return  # an ill relay board says itself when it works again
        if has_power is not False:
            self._may_be_on(self._outlet, has_power is True)

    def _ended(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("{outlet}: not watched", failure, outlet=self._outlet)
