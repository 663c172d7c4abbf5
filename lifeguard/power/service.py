"""Power as a service: whose cycle is under way, and what is owed besides.

A board has at most one cycle under way and one that comes after it. While an outlet is
in a cycle nothing else switches it; what it owes is settled when the cycle has ended.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, TimeoutError, fail
from twisted.logger import Logger

from lifeguard.power.cycle import Cycle, Order
from lifeguard.power.errors import UnknownRelayBoard
from lifeguard.power.owed import OwedOutlet, OwedOutlets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.model import Outlet, Owed
    from lifeguard.power.seams import PowerReports, RelayBoardStatus, Switches

log = Logger()

STOP_SECONDS = 20.0
"""How long stopping waits for what is owed, once no cycle is under way any more."""


class Power(Service):
    """Cycles boards and pays what is owed, through the queues of the relay boards.

    `queues` are by the name of the relay board. Times are in seconds of `clock`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        queues: Mapping[str, Switches],
        reports: PowerReports,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._clock, self._queues, self._reports = clock, queues, reports
        self._stop_seconds = stop_seconds
        self._cycles: dict[str, Cycle] = {}
        self._owed = OwedOutlets(queues, clock, reports)
        self._stopping = False
        for name, queue in queues.items():
            queue.hear(partial(self._relay_board_changed, name))

    def cycle(self, board: str, generation: int, outlets: tuple[Outlet, ...]) -> None:
        """Cycle a board's power; `PowerReports` hears what becomes of it.

        A cycle of the same board that has not begun is forgotten, one that is in its
        off half serves this generation too, and after any other this one comes next.
        Once the service is stopping, nothing is begun: the order lasts in the store.
        """
        if self._stopping:
            return
        order = Order(board, generation, outlets)
        current = self._cycles.get(board)
        if current is not None and current.begun:
            current.newer = order
            self._hold(order)
            return
        if current is not None:
            self._forget(current)
        self._take(order)

    def owe(self, owed: Iterable[Owed]) -> None:
        """Switch outlets on, read back, and report; however long that takes.

        One that a cycle has begun to switch is taken up when that has ended.
        """
        for one in owed:
            self._owed.add(one)
            if not self._is_being_cycled(one.outlet):
                self._owed.pursue([one.outlet])

    def owed(self) -> list[OwedOutlet]:
        """The outlets that are owed and not yet known to be on."""
        return self._owed.shown()

    def relay_boards(self) -> list[RelayBoardStatus]:
        """How every relay board is doing."""
        return [queue.status() for queue in self._queues.values()]

    def test(self, relay_board: str) -> Deferred[None]:
        """Fires when a relay board has passed a link test; fails with a RelayError."""
        if (queue := self._queues.get(relay_board)) is None:
            return fail(UnknownRelayBoard(relay_board))
        return queue.test()

    def store_is_away(self) -> None:
        """What is switched on meanwhile is noted later."""

    def store_is_back(self) -> None:
        """Have noted what was."""
        self._owed.note()

    def stopService(self) -> Deferred[None]:
        """Fires when what was switched off is on again, or that is long in coming.

        Cycles that have begun are finished, whatever their off time: each has an end
        of its own. STOP_SECONDS are for what is owed then. Cycles that have not begun
        are dropped, and so are debts that would not be tried again in time: the store
        keeps their marks.
        """
        super().stopService()
        self._stopping = True
        for cycle in tuple(self._cycles.values()):
            cycle.newer = None
            if not cycle.begun:
                self._forget(cycle)
        return Deferred.fromCoroutine(self._stop())

    # A cycle's way through.

    def _take(self, order: Order) -> None:
        if (refusal := self._refusal(order.outlets)) is not None:
            self._reports.cycle_ended(order.board, order.generation, refusal)
            self.owe(order.owed(order.outlets))
            return
        cycle = Cycle(
            order,
            self._queues,
            self._clock,
            self._reports,
            self._owed.drop,
            self.owe,
        )
        self._cycles[order.board] = cycle
        self._hold(order)
        running = Deferred.fromCoroutine(cycle.run())
        running.addErrback(self._broken, cycle)
        running.addCallback(self._ended, cycle)

    def _refusal(self, outlets: tuple[Outlet, ...]) -> str | None:
        for outlet in outlets:
            if outlet.relay_board not in self._queues:
                return f"{outlet}: {UnknownRelayBoard(outlet.relay_board)}"
        return None if outlets else "no power outlet"

    def _forget(self, cycle: Cycle) -> None:
        cycle.forget()
        del self._cycles[cycle.order.board]

    def _ended(self, _: None, cycle: Cycle) -> None:
        if self._cycles.get(cycle.order.board) is cycle:
            del self._cycles[cycle.order.board]
        if cycle.begun:
            self._owed.pursue(cycle.order.outlets)
        if cycle.newer is not None:
            self._take(cycle.newer)
        cycle.ended.callback(None)

    def _broken(self, failure: Failure, cycle: Cycle) -> None:
        order = cycle.order
        log.failure("{board}: its power cycle broke", failure, board=order.board)
        self.owe(order.owed(order.outlets))

    def _is_being_cycled(self, outlet: Outlet) -> bool:
        return any(
            cycle.begun and outlet in cycle.order.outlets
            for cycle in self._cycles.values()
        )

    # Relay boards that are ill, and well again.

    def _relay_board_changed(self, name: str) -> None:
        self._reports.relay_board_changed(name, self._queues[name].since)
        for cycle in tuple(self._cycles.values()):
            for order in filter(None, (cycle.order, cycle.newer)):
                if name not in {outlet.relay_board for outlet in order.outlets}:
                    continue
                if not self._hold(order) and cycle.begun and order is cycle.order:
                    self._reports.cycle_goes_on(order.board, order.generation)
        if self._queues[name].since.state == "Working":
            self._owed.hurry(name)

    def _hold(self, order: Order) -> bool:
        """Say that an order is held, if a relay board that it needs is ill."""
        for name in sorted({outlet.relay_board for outlet in order.outlets}):
            since, patience = self._queues[name].since, self._queues[name].patience
            if since.state != "Working":
                why = f"{name} is {since.state.lower()}: {since.why}"
                self._reports.cycle_held(order.board, order.generation, why, patience)
                return True
        return False

    # The end of the service.

    async def _stop(self) -> None:
        await DeferredList([cycle.ended for cycle in self._cycles.values()])
        await self._wait_for_debts()
        closed = [queue.close() for queue in self._queues.values()]
        self._owed.stop()
        await DeferredList(closed)

    async def _wait_for_debts(self) -> None:
        until = self._clock.seconds() + self._stop_seconds
        # Only the waiting is given up in the end, not what is waited for.
        settled: Deferred[None] = Deferred()
        Deferred.fromCoroutine(self._owed.settled(until)).chainDeferred(settled)
        try:
            await settled.addTimeout(self._stop_seconds, self._clock)
        except TimeoutError:
            boards = self._owed.perhaps_off()
            log.error("power may still be off: {boards}", boards=boards)
