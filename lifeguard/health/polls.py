"""One poll of a board: it waits for its turn, then each check has its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from lifeguard.health.checks import CannotPoll, Missed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.health.checks import Check, Probes


class Polls:
    """Makes polls, at most `at_once` of them; those beyond queue.

    A check that is not answered within `timeout` seconds is missed.
    """

    def __init__(
        self, clock: IReactorTime, probes: Probes, timeout: float, at_once: int
    ) -> None:
        self._clock = clock
        self._probes = probes
        self._timeout = timeout
        self._turns = DeferredSemaphore(at_once)

    async def poll(self, address: str, checks: Iterable[Check]) -> None:
        """Return when the board has answered all checks.

        Missed names the first that it did not answer; CannotPoll one that could
        not be made while all others were answered.
        """
        async with self._turns:
            # A turn may come from the end of another poll. Were a thousand queued,
            # and all failed on the spot, their calls would nest a thousand deep.
            await deferLater(self._clock, 0)
            await self._ask_all(address, checks)

    async def _ask_all(self, address: str, checks: Iterable[Check]) -> None:
        hindrance: CannotPoll | None = None
        for check in checks:
            try:
                await self._ask(address, check)
            except Missed as miss:
                raise Missed(f"{check}: {miss}") from miss
            except CannotPoll as error:
                hindrance = CannotPoll(f"{check}: {error}")
        if hindrance is not None:
            raise hindrance

    async def _ask(self, address: str, check: Check) -> None:
        asking = check.poll(address, self._probes)
        await asking.addTimeout(self._timeout, self._clock, _no_answer)


def _no_answer(_: object, seconds: float) -> Failure:
    return Failure(Missed(f"no answer within {seconds:g} s"))
