"""One board's power cycle, from its turn to the last read-back.

Once an outlet may be off the flow only goes forward: whatever fails, every outlet is
switched on again, or handed over as owed. A newer cycle that is ordered while the
board is off shares this one, for a board that is off cannot be cycled any better.

A cycle has no deadline of its own, as most of its time may be other boards': it waits
in the queues of relay boards that it shares with them. It ends because each step
does: a request in its queue, the off time, and what the store is asked to commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.model import Outlet, Owed
from lifeguard.power.errors import Closed, Ill, OutOfTime
from lifeguard.power.owed import note_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.power.seams import BoardReports, PowerReports, Switches
    from lifeguard.power.tally import Outcome

log = Logger()

Passed = TypeVar("Passed")

START_SECONDS = 30.0
"""How long the store may take to commit that a cycle starts."""


class Order(NamedTuple):
    """A power cycle, or a switching off, that somebody has committed to."""

    board: str
    generation: int
    outlets: tuple[Outlet, ...]

    @property
    def relay_boards(self) -> set[str]:
        """Those that its outlets are on."""
        return {outlet.relay_board for outlet in self.outlets}

    def needs(self, relay_board: str) -> bool:
        """Whether an outlet of it is on that relay board."""
        return relay_board in self.relay_boards

    def owed(self, outlets: Iterable[Outlet]) -> list[Owed]:
        """The marks under which these outlets are owed."""
        return [Owed(outlet, self.board, self.generation) for outlet in outlets]


class Failed(NamedTuple):
    """What went wrong with an outlet, and whether its relay board is broken.

    One that lifeguard closes before it has come to an end with a cycle, is so, too.
    """

    outlet: Outlet
    text: str
    is_ill: bool

    @classmethod
    def of(cls, failure: Failure, outlet: Outlet) -> Failed:
        is_ill = bool(failure.check(Ill, Closed))
        return cls(outlet, failure.getErrorMessage(), is_ill)

    def __str__(self) -> str:
        return f"{self.outlet}: {self.text}"


class Cycle:
    """Carries out an order whose relay boards are all in `queues`.

    `take_over` hears of the outlets that it begins to switch, `rested` of the end of
    their off time, and `owe` of those that were in the end not proved, or could not be
    noted, to be on.
    """

    def __init__(
        self,
        order: Order,
        queues: Mapping[str, Switches],
        clock: IReactorTime,
        reports: PowerReports,
        take_over: Callable[[Iterable[Outlet]], None],
        rested: Callable[[], None],
        owe: Callable[[Iterable[Owed]], None],
    ) -> None:
        self.order = order
        """The newest order that this cycle carries out."""
        self.newer: Order | None = None
        """Ordered since: it shares this cycle if it can, or else comes after it."""
        self.begun_at: float | None = None
        """Since when an outlet may have been switched off, in seconds of the clock."""
        self.rests = False
        """Whether it is off for its off time, and asks nothing of anybody."""
        self.outcome: Outcome = "failed"
        """How it has ended, if it had begun."""
        self.ended: Deferred[None] = Deferred()
        """Fires when nothing is left to do, for whoever waits for that."""
        self._queues = {name: queues[name] for name, _ in order.outlets}
        self._clock, self._reports = clock, reports
        self._take_over, self._rested, self._owe = take_over, rested, owe
        self._forgotten = False
        self._generations: list[int] = []

    @property
    def begun(self) -> bool:
        """Whether an outlet may have been switched off."""
        return self.begun_at is not None

    def forget(self) -> None:
        """Do not begin it. Once it has begun, that is too late."""
        self._forgotten = True

    async def run(self) -> None:
        """The whole cycle; what fails on the way is reported, not raised."""
        await self._turns()
        running = Deferred.fromCoroutine(self._run())
        await running.addBoth(self._leave)

    async def _turns(self) -> None:
        """Returns when it is this cycle's turn on all relay boards at once.

        While it waits for one it holds no other's turn: that one may be ill for long.
        """
        came: list[Switches] = []
        queues = self._queues.values()
        while missing := [queue for queue in queues if queue not in came]:
            turn = missing[0].turn(self.order.outlets)
            if not turn.called:
                _give_back(came)
                came.clear()
            await turn
            came.append(missing[0])

    def _leave(self, result: Passed) -> Passed:
        _give_back(self._queues.values())
        return result

    async def _run(self) -> None:
        wanted = not self._forgotten and await self._is_wanted(self.order)
        if self._forgotten:
            return
        if not wanted:
            self._owe(self.order.owed(self.order.outlets))
            return
        failures = await self._off_half() + await self._on_half()
        self._report(failures)

    def _report(self, failures: list[Failed]) -> None:
        ill = [error.outlet.relay_board for error in failures if error.is_ill]
        self.outcome = "void" if ill else "failed" if failures else "ok"
        text = "; ".join(map(str, failures))
        for generation in self._generations:
            if ill:
                patience = max(self._queues[name].patience for name in ill)
                self._told.cycle_void(generation, text, patience)
            else:
                self._report_end(generation, text or None)

    async def _off_half(self) -> list[Failed]:
        self.begun_at = self._clock.seconds()
        self._take_over(self.order.outlets)
        self._generations.append(self.order.generation)
        failures = await each(self._switch_off, self.order.outlets)
        if not failures:
            await self._rest()
        return failures

    async def _rest(self) -> None:
        self.rests = True
        longest = max(queue.off_seconds for queue in self._queues.values())
        await deferLater(self._clock, longest)
        await self._share()
        self.rests = False
        self._rested()

    async def _share(self) -> None:
        """Take in what was ordered meanwhile, before the board boots of it.

        Once only, for the board is off: what is ordered during that comes after.
        """
        if self.newer is not None and self.newer.outlets == self.order.outlets:
            self.order, self.newer = self.newer, None
            if await self._is_wanted(self.order):
                self._generations.append(self.order.generation)

    async def _on_half(self) -> list[Failed]:
        outlets = self.order.outlets
        failures = await each(self._switch_on, outlets)
        failed = [failure.outlet for failure in failures]
        read_on = [outlet for outlet in outlets if outlet not in failed]
        not_noted = await each(self._note_on, read_on)
        self._owe(self.order.owed([*failed, *(one.outlet for one in not_noted)]))
        return failures

    async def _is_wanted(self, order: Order) -> bool:
        try:
            return await start(order, self._reports, self._clock)
        except Exception as error:
            if not self._forgotten:
                self._report_end(order.generation, f"not begun: {error}")
            return False

    def _switch_off(self, outlet: Outlet) -> Deferred[None]:
        return self._queues[outlet.relay_board].switch(outlet, on=False)

    def _switch_on(self, outlet: Outlet) -> Deferred[None]:
        return self._queues[outlet.relay_board].switch(outlet, on=True)

    def _note_on(self, outlet: Outlet) -> Deferred[None]:
        [owed] = self.order.owed([outlet])
        return note_on(owed, self._reports, self._clock)

    def _report_end(self, generation: int, failure: str | None) -> None:
        log.info(
            "{board}: power cycle {generation}: {outcome}",
            board=self.order.board,
            generation=generation,
            outcome=failure or "on again",
        )
        self._told.cycle_ended(generation, failure)

    @property
    def _told(self) -> BoardReports:
        return self._reports.about(self.order.board)


def start(order: Order, reports: PowerReports, clock: IReactorTime) -> Deferred[bool]:
    """Whether an order whose turn has come is wanted; fails after START_SECONDS."""
    starting = reports.about(order.board).cycle_started(order.generation)
    return starting.addTimeout(START_SECONDS, clock, _not_committed)


async def each(
    step: Callable[[Outlet], Deferred[None]], outlets: Sequence[Outlet]
) -> list[Failed]:
    """Take a step for all outlets at once; says what went wrong with which."""
    failures = await gatherResults(
        maybeDeferred(step, outlet).addCallbacks(_nothing, Failed.of, (), {}, (outlet,))
        for outlet in outlets
    )
    return [failed for failed in failures if failed is not None]


def _give_back(queues: Iterable[Switches]) -> None:
    for queue in queues:
        queue.give_back()


def _not_committed(_: object, seconds: float) -> NoReturn:
    raise OutOfTime(f"its start was not committed within {seconds:g} s")


def _nothing(_: None) -> None:
    return None
