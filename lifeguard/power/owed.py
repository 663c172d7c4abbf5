"""Outlets that must be on, whatever else happens, and are not yet known to be.

Each is switched on, read back and reported, again and again until all three have
succeeded. Nothing here gives up; who stops lifeguard may only stop waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct
from twisted.application.internet import backoffPolicy
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from lifeguard.model import Outlet
from lifeguard.power.errors import Closed, OutOfTime, UnknownRelayBoard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.model import Owed
    from lifeguard.power.seams import PowerReports, Switches

log = Logger()

NOTE_SECONDS = 30.0
"""How long the store may take to note that an outlet is on."""

# Without jitter, outlets that failed together are tried together: one connection.
_delay_after = backoffPolicy(0.5, 60.0, 2.0, jitter=lambda: 0.0)


class OwedOutlet(Struct, frozen=True, kw_only=True):
    """An outlet that is owed, and what has come of it so far."""

    outlet: Outlet
    board: str
    generation: int
    tries: int
    last_error: str | None


class Debt:
    """One owed outlet, tried until it is settled or dropped."""

    def __init__(
        self,
        owed: Owed,
        queues: Mapping[str, Switches],
        clock: IReactorTime,
        reports: PowerReports,
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        """Fires when the outlet is noted to be on, or the debt is dropped."""
        self._owed, self._queues = owed, queues
        self._clock, self._reports = clock, reports
        self._tries = 0
        self._last_error: str | None = None
        self._next_try: float | None = None
        self._is_on = False
        """It was read back as on; all that is missing is that the store notes it."""
        self._retry: IDelayedCall | None = None
        self._dropped = False

    def attempt(self) -> None:
        """Try now, and again for as long as that is of any use."""
        self._forget_retry()
        self._next_try = self._clock.seconds()
        trying = Deferred.fromCoroutine(self._try())
        trying.addCallbacks(self._settled, self._failed)

    def drop(self) -> None:
        """Try no more, and report nothing that may still come of the last try.

        Who hears of the first debt's end may drop them all before it is the next one's
        turn: that one has ended already.
        """
        if self.ended.called:
            return
        self._dropped = True
        self._forget_retry()
        self.ended.callback(None)

    @property
    def board(self) -> str | None:
        """Whose power may be off; None: it was read back as on."""
        return None if self._is_on else self._owed.board

    def tried_by(self, until: float) -> bool:
        """Whether it may be off, and is tried before those clock seconds."""
        if self._is_on:
            return False
        return self._next_try is not None and self._next_try <= until

    def note(self) -> None:
        """The store is back: if that was all that was missing, it is noted now."""
        if self._is_on:
            self.hurry()

    def hurry(self) -> None:
        """Do not wait for the next try."""
        if self._retry is not None and self._retry.active():
            self.attempt()

    def shown(self) -> OwedOutlet:
        """The debt as it is now, for people."""
        return OwedOutlet(
            outlet=self._owed.outlet,
            board=self._owed.board,
            generation=self._owed.generation,
            tries=self._tries,
            last_error=self._last_error,
        )

    async def _try(self) -> None:
        if not self._is_on:
            await self._switch_on()
        if not self._dropped:
            await note_on(self._owed, self._reports, self._clock)

    async def _switch_on(self) -> None:
        name = self._owed.outlet.relay_board
        if (queue := self._queues.get(name)) is None:
            raise UnknownRelayBoard(name)
        await queue.switch(self._owed.outlet, on=True)
        self._is_on = True

    def _forget_retry(self) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    def _settled(self, _: None) -> None:
        if not self._dropped:
            self.ended.callback(None)

    def _failed(self, failure: Failure) -> None:
        self._tries += 1
        self._last_error = failure.getErrorMessage()
        self._next_try = None
        log.warn(
            "{outlet} of {board} is owed, try {tries}: {error}",
            outlet=self._owed.outlet,
            board=self._owed.board,
            tries=self._tries,
            error=self._last_error,
        )
        if not self._dropped and not failure.check(UnknownRelayBoard, Closed):
            delay = _delay_after(self._tries)
            self._next_try = self._clock.seconds() + delay
            self._retry = self._clock.callLater(delay, self.attempt)


class OwedOutlets:
    """Every debt there is, at most one an outlet."""

    def __init__(
        self,
        queues: Mapping[str, Switches],
        clock: IReactorTime,
        reports: PowerReports,
    ) -> None:
        self._queues, self._clock, self._reports = queues, clock, reports
        self._debts: dict[Outlet, Debt] = {}

    def add(self, owed: Owed) -> None:
        """List a debt, in place of an older one; see `pursue`."""
        self.drop([owed.outlet])
        debt = Debt(owed, self._queues, self._clock, self._reports)
        self._debts[owed.outlet] = debt
        debt.ended.addCallback(lambda _: self._debts.pop(owed.outlet))

    def pursue(self, outlets: Iterable[Outlet]) -> None:
        """Begin to settle what was added for these outlets, if anything was."""
        for debt in self._of(outlets):
            debt.attempt()

    def drop(self, outlets: Iterable[Outlet]) -> None:
        """Forget what these outlets owe: somebody else takes care of them."""
        for debt in self._of(outlets):
            debt.drop()

    def hurry(self, relay_board: str) -> None:
        """Try now what would have been tried later: the relay board works again."""
        for outlet, debt in tuple(self._debts.items()):
            if outlet.relay_board == relay_board:
                debt.hurry()

    def pursue_those_of(self, relay_board: str) -> None:
        """Begin to settle what is owed on a relay board that was not there before."""
        self.pursue([each for each in self._debts if each.relay_board == relay_board])

    def drop_those_of(self, relay_board: str) -> list[str]:
        """Forget what is owed on a relay board; says of which boards that is."""
        outlets = [each for each in self._debts if each.relay_board == relay_board]
        boards = sorted({b for each in outlets if (b := self._debts[each].board)})
        self.drop(outlets)
        return boards

    def of(self, relay_board: str) -> list[Deferred[None]]:
        """Those on a relay board; each fires when it is settled or dropped."""
        return [
            debt.ended
            for outlet, debt in self._debts.items()
            if outlet.relay_board == relay_board
        ]

    def note(self) -> None:
        """Let the store, which is back, note what was read back as on meanwhile."""
        for debt in tuple(self._debts.values()):
            debt.note()

    def shown(self) -> list[OwedOutlet]:
        """All debts, for people."""
        return [debt.shown() for debt in self._debts.values()]

    def perhaps_off(self) -> list[str]:
        """The boards that owe an outlet which was not read back as on."""
        boards = {debt.board for debt in self._debts.values()}
        return sorted(board for board in boards if board is not None)

    async def settled(self, until: float) -> None:
        """Returns when all debts are that will be tried before those clock seconds."""
        await DeferredList(
            [debt.ended for debt in self._debts.values() if debt.tried_by(until)]
        )

    def stop(self) -> None:
        """Drop everything; the marks are kept where they are."""
        self.drop(tuple(self._debts))

    def _of(self, outlets: Iterable[Outlet]) -> list[Debt]:
        return [self._debts[outlet] for outlet in outlets if outlet in self._debts]


def note_on(owed: Owed, reports: PowerReports, clock: IReactorTime) -> Deferred[None]:
    """Report an outlet that was read back as on; fails after NOTE_SECONDS."""
    return reports.outlet_is_on(owed).addTimeout(NOTE_SECONDS, clock, _not_noted)


def _not_noted(_: object, seconds: float) -> NoReturn:
    raise OutOfTime(f"on, but that was not noted within {seconds:g} s")
