"""The one who writes: what is asked waits, goes together, and is answered.

While a transaction runs, what is asked meanwhile waits; all of it goes into the next
one, and whatever comes in the same few turns of the reactor. So the disk is asked for
few commits, however many boards change.

A transaction that fails or takes too long means that the store is away: whatever waits
fails at once, and so does what is asked, until a trial has been written. That we were
replaced is final: then nothing is tried.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from lifeguard.store.answers import answer_all
from lifeguard.store.calls import Calls
from lifeguard.store.commits import Commits
from lifeguard.store.errors import Replaced, StoreError, StoreUnavailable
from lifeguard.store.group import Ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.store.threads import Threads

log = Logger()

Answer = TypeVar("Answer")

Waiting = tuple[Ask[Any], "Deferred[None]"]

GROUP = 500
"""At most so many writes share a transaction: none should hold the disk for long."""

GATHERING_SECONDS = 0.01
"""As long as a group waits for more to come. A transaction costs as much as some thirty
of its writes, and most of that is taken from the reactor."""

TRIAL_SECONDS = 0.5
"""How long the writer waits before it tries an absent store again."""


class Presence(Protocol):
    """Who must know whether anything can be saved."""

    def store_is_away(self) -> None:
        """Nothing can; told before those who wait for a write are."""

    def store_is_back(self) -> None:
        """It can again. What was asked for before may have been saved or not."""


class Uncommitted(Protocol):
    """What has been written, and is not durable yet; both are for the thread."""

    def commit(self) -> None:
        """Make it durable; StoreUnavailable when that fails."""

    def abandon(self) -> None:
        """Take it back, if `commit` was never begun."""


class Transactions(Protocol):
    """What the writer's thread does; each is one transaction.

    StoreUnavailable when that fails, and Replaced when it is no longer ours to do.
    """

    def write_now(self, asks: Sequence[Ask[Any]], now: float) -> Uncommitted | None:
        """From the reactor: all of `write` but the commit; None: let the thread."""

    def write(self, asks: Sequence[Ask[Any]], now: float) -> list[StoreError | None]:
        """Write what is asked for, and `now` in service seconds; what each met."""

    def try_out(self) -> None:
        """Write as much as almost any group needs, and leave no trace of it."""

    def cut(self) -> None:
        """From the reactor: end what the thread does, if it can be ended."""


class GroupWriter:
    """Writes in groups, one transaction at a time; what is written, in the order asked.

    Whatever breaks here is logged, and the writer goes on.
    """

    def __init__(
        self,
        transactions: Transactions,
        threads: Threads,
        clock: IReactorTime,
        service_seconds: Callable[[], float],
        replaced: Callable[[str], None],
    ) -> None:
        self.commits = Commits()
        """What has come of the groups so far."""
        self._transactions, self._threads = transactions, threads
        self._clock, self._service_seconds = clock, service_seconds
        self._replaced = replaced
        self._calls = Calls(threads.write, clock, transactions.cut)
        self._waiting: list[Waiting] = []
        self._writing = self._closed = False
        self._away: StoreError | None = None
        self._trying: Deferred[None] | None = None
        self._presences: list[Presence] = []
        self._guests = 0
        """What the thread is given besides groups."""

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

    def between(self, work: Callable[[], Answer]) -> Deferred[Answer]:
        """Let the thread do something else between two groups, as `Calls` has it."""
        self._guests += 1
        answer = self._calls.call(work)
        # Given up or not, the thread may be in it until it gets to what comes next.
        self._threads.write(_nothing).addBoth(self._guest_has_gone)
        return answer

    def close(self) -> None:
        """Write what waits; try an absent store no more, now or later."""
        self._closed = True
        if self._trying is not None:
            self._trying.cancel()

    # While the store is there: a group at a time.

    async def _write_all(self) -> None:
        self._writing = True
        while self._waiting:
            try:
                await self._write_group()
            except Exception:
                log.failure("a group of writes broke")
        self._writing = False

    async def _gather(self) -> None:
        """Wait for as long as every turn of the reactor brings more."""
        end, known = self._clock.seconds() + GATHERING_SECONDS, 0
        while known < len(self._waiting) < GROUP and self._clock.seconds() < end:
            known = len(self._waiting)
            await deferLater(self._clock, 0)

    async def _write_group(self) -> None:
        await self._gather()
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        began = self._clock.seconds()
        met = await self._write([ask for ask, _ in group])
        self.commits.ended(len(group), self._clock.seconds() - began)
        # What callers ask when they are answered goes into the next group.
        callers = [done for _, done in group]
        results = [None if error is None else Failure(error) for error in met]
        await answer_all(self._clock, zip(callers, results, strict=True))

    async def _write(self, asks: list[Ask[Any]]) -> Sequence[Exception | None]:
        try:
            return await self._write_somewhere(asks, self._service_seconds())
        except (StoreUnavailable, Replaced) as error:
            self._leave(error)
            return [error] * len(asks)
        except Exception as error:
            log.failure("{count} writes broke", count=len(asks))
            return [error] * len(asks)

    async def _write_somewhere(
        self, asks: list[Ask[Any]], now: float
    ) -> Sequence[Exception | None]:
        # What the thread does for a guest may have to end before any other begins.
        written = None if self._guests else self._transactions.write_now(asks, now)
        if written is None:
            return await self._calls.call(partial(self._transactions.write, asks, now))
        try:
            await self._calls.call(written.commit)
        except StoreUnavailable:
            self._threads.write(written.abandon).addErrback(_broke)
            raise
        return [None] * len(asks)

    def _guest_has_gone(self, _: object) -> None:
        self._guests -= 1

    # While it is away.

    def _leave(self, error: StoreError) -> None:
        log.error("the store is away: {error}", error=error)
        self._away = error
        waiting, self._waiting = self._waiting, []
        if isinstance(error, Replaced):
            self._replaced(str(error))
        elif not self._closed:
            self._trying = Deferred.fromCoroutine(self._try_until_back())
            self._trying.addErrback(_has_ended)
        self._tell_all(lambda presence: presence.store_is_away())
        for _, done in waiting:
            done.errback(error)

    async def _try_until_back(self) -> None:
        try:
            while not await self._is_back():
                pass
        except Replaced as error:
            self._away = error
            self._replaced(str(error))
        else:
            self._return()

    def _return(self) -> None:
        log.info("the store is back")
        self._away = None
        self._tell_all(lambda presence: presence.store_is_back())

    async def _is_back(self) -> bool:
        """Whether a trial goes well."""
        await deferLater(self._clock, TRIAL_SECONDS)
        # The thread may still be in what was given up.
        await self._threads.write(_nothing)
        try:
            await self._calls.call(self._transactions.try_out)
        except (CancelledError, Replaced):
            raise
        except StoreError as error:
            self._away = StoreUnavailable(str(error))
            return False
        except Exception:
            log.failure("a trial broke")
            return False
        return True

    def _tell_all(self, tell: Callable[[Presence], None]) -> None:
        for presence in self._presences:
            try:
                tell(presence)
            except Exception:
                log.failure("{presence} broke at the news", presence=presence)


def _has_ended(failure: Failure) -> None:
    """The trials of a writer that was closed are cancelled."""
    if not failure.check(CancelledError):
        log.failure("the trials broke", failure)


def _broke(failure: Failure) -> None:
    log.failure("what was given up could not be taken back", failure)


def _nothing() -> None:
    """Ends when all has ended that the thread was given before."""
