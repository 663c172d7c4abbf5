"""The end of power: what was switched off is on again, or that is long in coming.

Cycles that have begun are finished, whatever their off time: each has an end of its
own. But a relay board that is ill is given up in the end, and what is owed on it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.logger import Logger

from lifeguard.power.stop_limit import StopLimit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.power.cycle import Order
    from lifeguard.power.cycles import Cycles
    from lifeguard.power.owed import OwedOutlets
    from lifeguard.power.seams import Switches

log = Logger()


class Stopping:
    """Waits for `cycles`, all of which have begun, and for what is `owed`.

    For a relay board that is ill, `seconds` after the last off time on it; as long for
    what is owed once no cycle is under way.
    """

    def __init__(
        self,
        clock: IReactorTime,
        queues: Mapping[str, Switches],
        cycles: Cycles,
        owed: OwedOutlets,
        seconds: float,
    ) -> None:
        self._clock, self._queues = clock, queues
        self._cycles, self._owed, self._seconds = cycles, owed, seconds
        self._limits = {name: self._limit(name) for name in queues}

    def rested(self, order: Order) -> None:
        """The off time of a cycle is over."""
        for name, limit in self._limits.items():
            if order.needs(name):
                limit.begin_again()

    async def run(self) -> None:
        """Returns when nothing more is waited for, and all queues are closed."""
        await DeferredList([cycle.ended for cycle in self._cycles])
        await self._wait_for_debts()
        for limit in self._limits.values():
            limit.lift()
        closed = [queue.close() for queue in self._queues.values()]
        self._owed.stop()
        await DeferredList(closed)

    def _limit(self, name: str) -> StopLimit:
        return StopLimit(
            self._queues[name],
            self._clock,
            self._seconds,
            lambda: any(cycle.rests for cycle in self._cycles.on(name)),
            partial(self._give_up, name),
        )

    def _give_up(self, name: str) -> None:
        boards = {cycle.order.board for cycle in self._cycles.on(name)}
        boards.update(self._owed.drop_those_of(name))
        self._queues[name].close()
        self._owed.drop_those_of(name)  # what the cycles have just left to be owed
        log.error(
            "{relay_board} is ill, power may still be off: {boards}",
            relay_board=name,
            boards=sorted(boards),
        )

    async def _wait_for_debts(self) -> None:
        until = self._clock.seconds() + self._seconds
        # Only the waiting is given up in the end, not what is waited for.
        settled: Deferred[None] = Deferred()
        Deferred.fromCoroutine(self._owed.settled(until)).chainDeferred(settled)
        try:
            await settled.addTimeout(self._seconds, self._clock)
        except TimeoutError:
            boards = self._owed.perhaps_off()
            log.error("power may still be off: {boards}", boards=boards)
