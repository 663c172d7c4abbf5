"""The store that the daemon uses: writes wait, go together, and are answered.

While a transaction runs, what is asked meanwhile waits; all of it goes into the
next one. So the disk is asked for few commits, however many boards change.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from lifeguard.store import statements
from lifeguard.store.database import Database
from lifeguard.store.errors import StoreError, StoreUnavailable
from lifeguard.store.group import Ask, write_group
from lifeguard.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection
    from twisted.python.failure import Failure

    from lifeguard.model import Change, HistoryRow, Notice, Owed, Saved, Standing
    from lifeguard.store.threads import Threads

log = Logger()

Answer = TypeVar("Answer")
Waiting = tuple[Ask[Any], Deferred[None]]

GROUP = 500
"""At most so many writes share a transaction: none should hold the disk for long."""

TOKEN_KEY = 32
"""Bytes, as long as the digest of the boot tokens' HMAC."""


class SqlStore:
    """Boards, owed outlets, history and notices in a database.

    Every Deferred but that of `close` may fail with StoreUnavailable or StoreError;
    one that writes fires when the write is durable, in the order asked.
    `service_seconds` is asked once for each transaction, after `open`.
    """

    def __init__(
        self, url: str, *, service_seconds: Callable[[], float], threads: Threads
    ) -> None:
        self._database = Database(url)
        self._service_seconds = service_seconds
        self._threads = threads
        self._waiting: list[Waiting] = []
        self._writing = False
        self._open = self._closed = False

    def open(self) -> Deferred[Saved]:
        """Make or migrate the tables and load what they hold. StoreError if not."""
        return self._threads.write(self._load).addCallback(self._opened)

    def commit(self, change: Change) -> Deferred[None]:
        """Save one step of a board, whole. Superseded when its row has moved on."""
        return self._ask(Ask(statements.commit, change))

    def settle(self, owed: Owed) -> Deferred[None]:
        """The outlet has been read back as on: its mark goes, unless it is newer."""
        return self._ask(Ask(statements.settle, owed))

    def record(self, row: HistoryRow) -> Deferred[None]:
        """Keep an event that moved nothing, counted into a recent one like it."""
        return self._ask(Ask(statements.record, row))

    def told(self, notice: Notice) -> Deferred[None]:
        """Forget a notice that somebody has heard."""
        return self._ask(Ask(statements.told, notice))

    def save_time(self) -> Deferred[None]:
        """Save the service seconds, as every other write does by the way."""
        return self._ask(Ask(statements.save_time, self._service_seconds()))

    def standing(self, board: str) -> Deferred[Standing | None]:
        """Where a board stands, for one who lost the answer to a commit."""
        return self._read(partial(statements.standing, board=board))

    def notices(self) -> Deferred[list[Notice]]:
        """What has not been told, oldest first."""
        return self._read(statements.untold)

    def history(
        self, board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[HistoryRow]]:
        """A board's newest rows first; those older than the row of id `before`."""
        return self._read(
            partial(statements.history_of, board=board, limit=limit, before=before)
        )

    def close(self) -> Deferred[None]:
        """Write what waits, then let go of the database and the threads."""
        last = self.save_time() if self._open else succeed(None)
        self._open, self._closed = False, True
        # Whoever asked for a write has been told; what was lost ends nothing here.
        last.addErrback(lambda failure: failure.trap(StoreError) and None)
        last.addCallback(lambda _: self._threads.write(self._database.close))
        return last.addCallback(lambda _: self._threads.close())

    def _load(self) -> Saved:
        def load(connection: Connection) -> Saved:
            migrate(connection)
            statements.first_start(connection, secrets.token_bytes(TOKEN_KEY))
            return statements.load(connection)

        return self._database.run(load)

    def _opened(self, saved: Saved) -> Saved:
        if self._closed:
            raise StoreUnavailable("the store was closed before it was open")
        self._open = True
        return saved

    def _read(self, work: Callable[[Connection], Answer]) -> Deferred[Answer]:
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        return self._threads.read(partial(self._database.run, work))

    def _ask(self, ask: Ask[Any]) -> Deferred[None]:
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        done: Deferred[None] = Deferred()
        self._waiting.append((ask, done))
        self._write_next()
        return done

    def _write_next(self) -> None:
        if self._writing or not self._waiting:
            return
        self._writing = True
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        asks, callers = [ask for ask, _ in group], [done for _, done in group]
        now = self._service_seconds()
        written = self._threads.write(lambda: self._write(asks, now))
        written.addCallbacks(
            self._answer, self._failed, callbackArgs=(callers,), errbackArgs=(callers,)
        )

    def _write(self, asks: list[Ask[Any]], now: float) -> list[StoreError | None]:
        def write(connection: Connection) -> list[StoreError | None]:
            statements.save_time(connection, [now])
            return write_group(connection, asks)

        return self._database.run(write)

    def _failed(self, failure: Failure, callers: list[Deferred[None]]) -> None:
        count, error = len(callers), failure.value
        log.error("{count} writes failed: {error}", count=count, error=error)
        self._answer([error] * count, callers)

    def _answer(
        self, met: Sequence[BaseException | None], callers: list[Deferred[None]]
    ) -> None:
        for error, done in zip(met, callers, strict=True):
            if error is None:
                done.callback(None)
            else:
                done.errback(error)
        # Only now: what the callers have asked meanwhile makes one group.
        self._writing = False
        self._write_next()
