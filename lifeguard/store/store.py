"""The store that the daemon uses: what it keeps, and how it is asked.

Writes go through one writer, and so in groups; reads go beside them.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from lifeguard.store import retention, statements
from lifeguard.store.database import Database
from lifeguard.store.errors import StoreError, StoreUnavailable
from lifeguard.store.group import Ask, write_group
from lifeguard.store.migrate import migrate
from lifeguard.store.writer import LIMIT_SECONDS, GroupWriter, no_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import Change, HistoryRow, Notice, Owed, Saved, Standing
    from lifeguard.store.threads import Threads
    from lifeguard.store.writer import Presence

Answer = TypeVar("Answer")

TOKEN_KEY = 32
"""Bytes, as long as the digest of the boot tokens' HMAC."""


class SqlStore:
    """Boards, owed outlets, history and notices in a database.

    Every Deferred but that of `close` may fail with StoreUnavailable, within some
    seconds, or with StoreError; one that writes fires when the write is durable, in
    the order asked. `service_seconds` is asked once for each transaction, after
    `open`.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: IReactorTime,
        service_seconds: Callable[[], float],
        threads: Threads,
    ) -> None:
        self._database = Database(url)
        self._clock, self._service_seconds = clock, service_seconds
        self._threads = threads
        self._writer = GroupWriter(
            _Transactions(self._database), threads, clock, service_seconds
        )
        self._open = self._closed = False

    def tell(self, presence: Presence) -> None:
        """Let `presence` know from now on when the store goes and comes back."""
        self._writer.tell(presence)

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
        """Where a board stands, for one who lost the answer to a commit.

        To be asked when the store is back, and not before.
        """
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

    def forget_history(
        self, older_than: datetime, after: int, at_most: int
    ) -> Deferred[int | None]:
        """Delete those of the next `at_most` rows that are older than this.

        Answers the id to go on from, None when all further rows are younger; a pass
        begins with 0. Waits for its turn between two groups of writes.
        """
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        step = partial(
            retention.forget, older_than=older_than, after=after, at_most=at_most
        )
        return self._in_time(self._threads.write(partial(self._database.run, step)))

    def close(self) -> Deferred[None]:
        """Write what waits, then let go of the database and the threads."""
        last = self.save_time() if self._open else succeed(None)
        self._open, self._closed = False, True
        self._writer.close()
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
        return self._in_time(self._threads.read(partial(self._database.read, work)))

    def _in_time(self, answer: Deferred[Answer]) -> Deferred[Answer]:
        """Only the writer cuts: it soon meets whatever holds up somebody else."""
        return answer.addTimeout(LIMIT_SECONDS, self._clock, no_answer)

    def _ask(self, ask: Ask[Any]) -> Deferred[None]:
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        return self._writer.ask(ask)


class _Transactions:
    """What the writer's thread does with the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cut = database.cut

    def write(self, asks: Sequence[Ask[Any]], now: float) -> list[StoreError | None]:
        def write(connection: Connection) -> list[StoreError | None]:
            statements.save_time(connection, [now])
            return write_group(connection, asks)

        return self._database.run(write)

    def try_out(self) -> None:
        self._database.run(statements.try_out)
