"""The one who writes: what is asked waits, goes together, and is answered.

While a transaction runs, what is asked meanwhile waits; all of it goes into the next
one. So the disk is asked for few commits, however many boards change.

A transaction that fails or takes too long means that the store is away: whatever waits
fails at once, and so does what is asked, until a trial has been written.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.store.errors import StoreError, StoreUnavailable
from lifeguard.store.group import Ask
from lifeguard.turns import TURN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.store.threads import Threads

log = Logger()

Answer = TypeVar("Answer")
Waiting = tuple[Ask[Any], "Deferred[None]"]

GROUP = 500
"""At most so many writes share a transaction: none should hold the disk for long."""

LIMIT_SECONDS = 5.0
"""A transaction without an answer by then is given up: boards wait for theirs."""

TRIAL_SECONDS = 0.5
"""How long the writer waits before it tries an absent store again."""


class Presence(Protocol):
    """Who must know whether anything can be saved."""

    def store_is_away(self) -> None:
        """Nothing can; told before those who wait for a write are."""

    def store_is_back(self) -> None:
        """It can again. What was asked for before may have been saved or not."""


class Transactions(Protocol):
    """What the writer's thread does; each is one transaction, or StoreUnavailable."""

    def write(self, asks: Sequence[Ask[Any]], now: float) -> list[StoreError | None]:
        """Write what is asked for, and `now` in service seconds; what each met."""

    def try_out(self) -> None:
        """Write as much as a group may need, and leave no trace of it."""

    def cut(self) -> None:
        """From the reactor: end what the thread does, if it can be ended."""


class GroupWriter:
    """Writes in groups, one transaction at a time; answers in the order asked."""

    def __init__(
        self,
        transactions: Transactions,
        threads: Threads,
        clock: IReactorTime,
        service_seconds: Callable[[], float],
    ) -> None:
        self._transactions, self._threads = transactions, threads
        self._clock, self._service_seconds = clock, service_seconds
        self._waiting: list[Waiting] = []
        self._writing = False
        self._away: StoreUnavailable | None = None
        self._trying: Deferred[None] | None = None
        self._presences: list[Presence] = []

    def tell(self, presence: Presence) -> None:
        """Let `presence` know from now on when the store goes and comes back."""
        self._presences.append(presence)

    def ask(self, ask: Ask[Any]) -> Deferred[None]:
        """Fires when it is durable; fails at once while the store is away."""
        if self._away is not None:
            return fail(self._away)
        done: Deferred[None] = Deferred()
        self._waiting.append((ask, done))
        if not self._writing:
            Deferred.fromCoroutine(self._write_all())
        return done

    def close(self) -> None:
        """Try an absent store no more."""
        if self._trying is not None:
            self._trying.cancel()

    # While the store is there: a group at a time.

    async def _write_all(self) -> None:
        self._writing = True
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            met = await self._write([ask for ask, _ in group])
            # What callers ask when they are answered goes into the next group.
            await self._answer(met, [done for _, done in group])
        self._writing = False

    async def _answer(
        self, met: Sequence[Exception | None], callers: Sequence[Deferred[None]]
    ) -> None:
        """In turns of the reactor: each answer may set a board to work."""
        end = self._clock.seconds() + TURN_SECONDS
        for error, done in zip(met, callers, strict=True):
            if self._clock.seconds() >= end:
                await deferLater(self._clock, 0)
                end = self._clock.seconds() + TURN_SECONDS
            if error is None:
                done.callback(None)
            else:
                done.errback(error)

    async def _write(self, asks: list[Ask[Any]]) -> Sequence[Exception | None]:
        now = self._service_seconds()
        try:
            return await self._in_time(partial(self._transactions.write, asks, now))
        except StoreUnavailable as error:
            self._leave(error)
            return [error] * len(asks)
        except Exception as error:
            log.failure("{count} writes broke", count=len(asks))
            return [error] * len(asks)

    def _in_time(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        """What the thread answers; StoreUnavailable when that takes too long."""
        answer = self._threads.write(function)
        return answer.addTimeout(LIMIT_SECONDS, self._clock, self._give_up)

    def _give_up(self, _: object, seconds: float) -> NoReturn:
        self._transactions.cut()
        no_answer(_, seconds)

    # While it is away.

    def _leave(self, error: StoreUnavailable) -> None:
        log.error("the store is away: {error}", error=error)
        self._away = error
        self._trying = Deferred.fromCoroutine(self._try_until_back())
        self._trying.addErrback(lambda failure: failure.trap(CancelledError) and None)
        for presence in self._presences:
            presence.store_is_away()
        waiting, self._waiting = self._waiting, []
        for _, done in waiting:
            done.errback(error)

    async def _try_until_back(self) -> None:
        while self._away is not None:
            await deferLater(self._clock, TRIAL_SECONDS)
            # The thread may still be in what was given up.
            await self._threads.write(_nothing)
            try:
                await self._in_time(self._transactions.try_out)
            except StoreError as error:
                self._away = StoreUnavailable(str(error))
            else:
                self._return()

    def _return(self) -> None:
        log.info("the store is back")
        self._away = None
        for presence in self._presences:
            presence.store_is_back()


def no_answer(_: object, seconds: float) -> NoReturn:
    """What becomes of a Deferred that has timed out."""
    raise StoreUnavailable(f"the database has not answered within {seconds:g} s")


def _nothing() -> None:
    """Ends when all has ended that the thread was given before."""
