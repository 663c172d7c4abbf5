"""Power as a service: whose cycle is under way, and what is owed besides.

A board has at most one cycle under way and one that comes after it. While an outlet is
in a cycle nothing else switches it; what it owes is settled when the cycle has ended.
A board that is to be off owes nothing, until something else is wanted of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from lifeguard.power.cycle import Cycle, Order
from lifeguard.power.cycles import Cycles
from lifeguard.power.holding import Holding
from lifeguard.power.off_boards import OffBoards
from lifeguard.power.owed import OwedOutlet, OwedOutlets
from lifeguard.power.present import PresentRelayBoards
from lifeguard.power.stopping import Stopping
from lifeguard.power.tally import CyclesEnded

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
        self.cycles_ended = CyclesEnded(queues)
        """What has come of the cycles that had begun."""
        self._clock, self._reports = clock, reports
        self._present = PresentRelayBoards(
            queues, self._relay_board_changed, self._needing
        )
        self._queues = self._present.queues
        self._stop_seconds = stop_seconds
        self._cycles = Cycles()
        self._off = OffBoards(self._queues, clock, reports)
        self._owed = OwedOutlets(self._queues, clock, reports)
        self._holding = Holding(self._queues, reports)
        self._stopping: Stopping | None = None

    def add_relay_board(self, name: str, queue: Switches) -> None:
        """Switch what is on this one, too; it may be one that is just being removed."""
        if self._present.add(name, queue):
            self.cycles_ended.begin(name)
            self._owed.pursue_those_of(name)

    def remove_relay_board(self, name: str) -> Deferred[bool]:
        """Fires with True when nothing is owed on it and no cycle needs it.

        From then on it is unknown here, and may be closed. With False when it has been
        added again meanwhile.
        """
        return Deferred.fromCoroutine(self._remove(name))

    def let_go(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> Deferred[None]:
        """Want nothing more of a board but that these outlets are on.

        A cycle that has begun is finished; fires when none is under way.
        """
        cycle, gone = self._cycles.supersede(board), succeed(None)
        if cycle is not None:
            cycle.newer, gone = None, Deferred()
            cycle.ended.addCallback(gone.callback)
        self.switch_on(board, generation, outlets)
        return gone

    def cycle(self, board: str, generation: int, outlets: tuple[Outlet, ...]) -> None:
        """Cycle a board's power; `PowerReports` hears what becomes of it.

        A cycle of the same board that has not begun is forgotten, one that is in its
        off half serves this generation too, and after any other this one comes next.
        Once the service is stopping, nothing is begun: the order lasts in the store.
        """
        if self._stopping is not None:
            return
        order = Order(board, generation, outlets)
        self._off.end(board)
        current = self._cycles.supersede(board)
        if current is None:
            return self._take(order)
        current.newer = order
        self._holding.hold(order)

    def switch_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...], urgent: bool
    ) -> None:
        """Switch a board off and keep it so; `PowerReports` hears what becomes of it.

        It owes nothing any more. A cycle of it that has not begun is forgotten; one
        that has is finished first. What is urgent goes before all that others wait
        to have switched.
        """
        self._take_off(Order(board, generation, outlets), False, urgent)

    def keep_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None:
        """Keep a board off that is off, or was when lifeguard was stopped."""
        current = self._off.of(board)
        if current is None or not current.kept:
            self._take_off(Order(board, generation, outlets), True)

    def switch_on(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None:
        """Keep a board off no more: all its outlets are owed."""
        self._off.end(board)
        self.owe(Order(board, generation, outlets).owed(outlets))

    def is_switching(self, board: str) -> bool:
        """Whether something ordered for a board has begun: it comes to an end.

        Until then nobody knows whose fault it is that it takes long.
        """
        ordered = self._cycles.of(board) or self._off.of(board)
        return ordered is not None and ordered.begun

    def owe(self, owed: Iterable[Owed]) -> None:
        """Switch outlets on, read back, and report; however long that takes.

        One that a cycle has begun to switch is taken up when that has ended; one of a
        board that is to be off is not owed.
        """
        for one in owed:
            if self._off.includes(one):
                continue
            self._owed.add(one)
            if not self._cycles.is_in_hand(one.outlet):
                self._owed.pursue([one.outlet])

    def owed(self) -> list[OwedOutlet]:
        """The outlets that are owed and not yet known to be on."""
        return self._owed.shown()

    def in_hand(self) -> list[Owed]:
        """The outlets that may be off, and that a cycle is to switch on in the end."""
        orders = [cycle.order for cycle in self._cycles if self._brings_back(cycle)]
        return [one for order in orders for one in order.owed(order.outlets)]

    def relay_boards(self) -> list[RelayBoardStatus]:
        """How every relay board is doing."""
        return self._present.status()

    def test(self, relay_board: str) -> Deferred[None]:
        """Fires when a relay board has passed a link test; fails with a RelayError."""
        return self._present.test(relay_board)

    def store_is_away(self) -> None:
        """What is switched on meanwhile is noted later."""

    def store_is_back(self) -> None:
        """Have noted what was."""
        self._owed.note()

    def stopService(self) -> Deferred[None]:
        """Fires when what was switched off is on again, or that is long in coming.

        Cycles that have begun are finished, whatever their off time. But a relay board
        that is ill is given up STOP_SECONDS after the last off time on it, and its
        cycles are void. As many are for what is owed then. Cycles that have not begun
        are dropped, and so are debts that would not be tried again in time: the store
        keeps their marks.
        """
        super().stopService()
        self._present.keep_all()
        self._stopping = stopping = Stopping(
            self._clock, self._queues, self._cycles, self._owed, self._stop_seconds
        )
        self._off.end_all()
        for cycle in self._cycles.finish():
            self._bring_back(cycle.order)
        return Deferred.fromCoroutine(stopping.run())

    # A cycle's way through.

    def _take(self, order: Order) -> None:
        if (refusal := self._present.refusal(order.outlets)) is not None:
            self._reports.about(order.board).cycle_ended(order.generation, refusal)
            self.owe(order.owed(order.outlets))
            return
        cycle = Cycle(
            order,
            self._queues,
            self._clock,
            self._reports,
            partial(self._take_over, order.board),
            partial(self._rested, order),
            self.owe,
        )
        self._cycles.add(cycle)
        self._holding.hold(order)
        running = Deferred.fromCoroutine(cycle.run())
        running.addErrback(self._broken, cycle)
        running.addCallback(self._ended, cycle)

    def _ended(self, _: None, cycle: Cycle) -> None:
        self._cycles.ended(cycle)
        if cycle.begun_at is not None:
            self._count(cycle, self._clock.seconds() - cycle.begun_at)
            self._owed.pursue(cycle.order.outlets)
        if cycle.newer is not None:
            self._take(cycle.newer)
        elif (off := self._off.of(cycle.order.board)) is not None and cycle.begun:
            off.begin()
        if cycle.begun:
            self._off.cycled(cycle.order)
        cycle.ended.callback(None)

    def _count(self, cycle: Cycle, seconds: float) -> None:
        relay_boards = cycle.order.relay_boards
        self.cycles_ended.count(relay_boards, cycle.outcome, seconds)

    def _broken(self, failure: Failure, cycle: Cycle) -> None:
        order = cycle.order
        log.failure("{board}: its power cycle broke", failure, board=order.board)
        self.owe(order.owed(order.outlets))

    def _rested(self, order: Order) -> None:
        if self._stopping is not None:
            self._stopping.rested(order)

    def _take_over(self, board: str, outlets: Iterable[Outlet]) -> None:
        self._off.taken_over(board)
        self._owed.drop(outlets)

    # Boards that are to be off.

    def _take_off(self, order: Order, is_kept: bool, urgent: bool = False) -> None:
        if self._stopping is not None:
            return
        if (refusal := self._present.refusal(order.outlets)) is not None:
            if not is_kept:
                self._reports.about(order.board).cycle_ended(order.generation, refusal)
            return
        self._off.end(order.board)
        self._owed.drop(order.outlets)
        off = self._off.add(order, is_kept, urgent)
        if off.waits:
            self._holding.hold(order)
        if (cycle := self._cycles.supersede(order.board)) is None:
            return off.begin()
        cycle.newer = None  # it ends, and then the board is switched off

    def _brings_back(self, cycle: Cycle) -> bool:
        return cycle.begun or self._off.may_be_off(cycle.order.board)

    def _bring_back(self, order: Order) -> None:
        """Its cycle will not be, and the board may be off."""
        if self._off.may_be_off(order.board):
            self.owe(order.owed(order.outlets))

    # Relay boards that are ill, and well again.

    def _relay_board_changed(self, name: str) -> None:
        self._reports.relay_board_changed(name, self._queues[name].since)
        self._holding.review(name, (*self._cycles.waiting(), *self._off.waiting()))
        if self._queues[name].since.state == "Working":
            self._owed.hurry(name)
            self._off.relay_board_works(name)

    async def _remove(self, name: str) -> bool:
        if self._stopping is not None or not await self._present.remove(name):
            return False
        self.cycles_ended.forget(name)
        return True

    def _needing(self, relay_board: str) -> list[Deferred[None]]:
        cycles = [cycle.ended for cycle in self._cycles.on(relay_board)]
        return cycles + self._owed.of(relay_board)
