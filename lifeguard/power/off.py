"""A board that is to be without power, for as long as nobody wants anything else.

Its turn comes at once: it waits for no cycle of another board, but for the one of its
own board that has begun, and for relay boards that are ill, in line with the cycles
that wait for them. Whatever is wanted of the board next ends it, and takes back what
has not been switched yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.power.cycle import each, start
from lifeguard.power.off_watch import OffWatch

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.model import Outlet
    from lifeguard.power.cycle import Failed, Order
    from lifeguard.power.seams import BoardReports, PowerReports, Switches

log = Logger()

AGAIN_SECONDS = 60.0
"""The pause before a board that is kept off, and could not be, is tried again."""


class Off:
    """Carries out one order to switch a board off, whose relay boards are in `queues`.

    One that `is_kept` is off, or was when lifeguard was stopped; and as a relay board
    that has lost its own power may switch all on, it is switched off once more, as it
    is whenever a relay board works again, and when it is found to be on. Otherwise the
    end of the order is told first.
    """

    def __init__(
        self,
        order: Order,
        queues: Mapping[str, Switches],
        clock: IReactorTime,
        reports: PowerReports,
        is_kept: bool,
        urgent: bool,
    ) -> None:
        self.order = order
        self.waits = not is_kept
        """Whether its end has still to be told."""
        self.begun = False
        """Whether that is all that is missing: its turn has come."""
        self.kept = is_kept
        """Whether the board is off, or was when lifeguard was stopped."""
        self._queues = {name: queues[name] for name, _ in order.outlets}
        self._clock, self._reports, self._urgent = clock, reports, urgent
        self._running: Deferred[None] | None = None
        self._watches: list[OffWatch] = []
        self._is_free = self._forgotten = False

    def begin(self) -> None:
        """The outlets are in nobody else's hands."""
        self._is_free = True
        self._run(self._keep_off() if self.kept else self._switch_off())

    def forget(self) -> None:
        """Something else is wanted of the board: go no further."""
        self._forgotten = True
        for watch in self._watches:
            watch.stop()
        if self._running is not None:
            self._running.cancel()

    def again(self) -> None:
        """One of its outlets may have been switched on: see to it that it is off."""
        if self._is_free and self._running is None and self.kept:
            self.begin()

    def _run(self, flow: Coroutine[Deferred[Any], object, None]) -> None:
        self._running = Deferred.fromCoroutine(flow)
        self._running.addBoth(self._ended)

    def _ended(self, result: Failure | None) -> None:
        self._running = None
        if self.kept and not self._watches and not self._forgotten:
            self._watches = [self._watch(outlet) for outlet in self.order.outlets]
        if result is not None and not result.check(CancelledError):
            log.failure("{board}: not switched off", result, board=self.order.board)

    def _watch(self, outlet: Outlet) -> OffWatch:
        queue = self._queues[outlet.relay_board]
        return OffWatch(outlet, queue, self._clock, self._may_be_on)

    def _may_be_on(self, outlet: Outlet, is_sure: bool) -> None:
        if is_sure:
            self._told.found_on(outlet)
        if self._running is None:
            self.begin()

    async def _switch_off(self) -> None:
        await self._relay_boards_work()
        self.begun = self.waits = await self._is_wanted()
        if not self.begun:
            return
        failures = await each(self._ordered, self.order.outlets)
        self.begun = self.waits = False
        # Requests that were taken back have failed, too.
        if not self._forgotten:
            self._report(failures)

    async def _keep_off(self) -> None:
        await self._relay_boards_work()
        while failures := await each(self._kept, self.order.outlets):
            if self._forgotten:
                return
            text = "; ".join(map(str, failures))
            board = self.order.board
            log.warn("{board}: it may not be off: {text}", board=board, text=text)
            await deferLater(self._clock, AGAIN_SECONDS)
            await self._relay_boards_work()

    async def _relay_boards_work(self) -> None:
        """Or they need this board to prove that they do."""
        for queue in self._queues.values():
            if queue.since.state != "Working":
                await queue.turn(self.order.outlets, self._urgent)
                queue.give_back()  # it is no cycle

    async def _is_wanted(self) -> bool:
        try:
            return await start(self.order, self._reports, self._clock)
        except CancelledError:
            raise
        except Exception as error:
            self._told.cycle_ended(self.order.generation, f"not begun: {error}")
            return False

    def _report(self, failures: list[Failed]) -> None:
        board, generation, _ = self.order
        text = "; ".join(map(str, failures))
        log.info("{board}: power: {outcome}", board=board, outcome=text or "off")
        text = f"not switched off: {text}"
        if ill := [one.outlet.relay_board for one in failures if one.is_ill]:
            patience = max(self._queues[name].patience for name in ill)
            self._told.cycle_void(generation, text, patience)
        elif failures:
            self._told.cycle_ended(generation, text)
        else:
            self.kept = True
            self._told.switched_off(generation)

    @property
    def _told(self) -> BoardReports:
        return self._reports.about(self.order.board)

    def _ordered(self, outlet: Outlet) -> Deferred[None]:
        queue = self._queues[outlet.relay_board]
        return queue.switch(outlet, on=False, urgent=self._urgent)

    def _kept(self, outlet: Outlet) -> Deferred[None]:
        return self._queues[outlet.relay_board].switch(outlet, on=False)
