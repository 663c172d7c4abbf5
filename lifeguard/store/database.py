"""The way to the database: one connection that writes, a few that read.

What SQLite and PostgreSQL each do in their own way stands in the modules of their
names.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from lifeguard.store.errors import Replaced, StoreError, StoreUnavailable
from lifeguard.store.postgresql import Postgresql
from lifeguard.store.sqlite import Sqlite

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL, Connection, Engine, RootTransaction

    from lifeguard.store.cords import Cords

Answer = TypeVar("Answer")


class Home(Protocol):
    """What the two do in their own way; `writers` does not pool, `readers` does."""

    writers: Engine
    readers: Engine
    cords: Cords

    def locks(self, connection: Connection) -> bool:
        """Whether nobody else may write now; waits a little for it to be so."""

    def begin_now(self, connection: Connection) -> RootTransaction | None:
        """Begin, if nobody is waited for until the commit; None: somebody is."""

    def is_over(self, connection: Connection) -> bool:
        """Whether the other end is known to have gone."""

    def release(self) -> None:
        """Let others write."""


class Uncommitted:
    """A transaction that has written all it will, and waits for its thread."""

    def __init__(self, database: Database, transaction: RootTransaction) -> None:
        self._database, self._transaction = database, transaction
        self._has_ended = False

    def commit(self) -> None:
        """Wait until it is durable. StoreUnavailable when that fails."""
        self._has_ended = True
        self._database.commit(self._transaction)

    def abandon(self) -> None:
        """Take it back, if its commit was never begun; in the thread that commits."""
        if not self._has_ended:
            self._database.abandon()


class Database:
    """A database of SQLite or PostgreSQL; used from any thread.

    `url` is SQLAlchemy's. StoreError when it says no database that can be used;
    nothing is opened before the first `run`.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self._home = self._find_home(self._url)
        except (ArgumentError, ImportError, ValueError) as error:
            raise StoreError(f"no such database: {error}") from error
        self._turn = threading.Lock()
        self._writer: Connection | None = None
        self._was_ours = False

    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do `work` in one transaction; its answer, once that is durable.

        Callers take turns at the one connection that writes. While it lives no
        other daemon does: the first `run` is a StoreError, after some seconds, when
        another holds the database.

        StoreUnavailable when the database fails, even at the commit itself; the next
        `run` begins with a connection of its own, and only when the last is at its
        end. So what was left in doubt is to be looked up when a `run` has gone well.

        When `work` finds us Replaced, whoever replaced us may write at once.
        """
        with self._turn:
            try:
                writer = self._writer_now()
                with writer.begin():
                    return work(writer)
            except Replaced as error:
                self._drop_writer()
                self._home.release()
                raise Replaced(self._line(str(error))) from error
            except (SQLAlchemyError, OSError) as error:
                self._drop_writer()
                raise self._unavailable(error) from error

    def write_now(self, work: Callable[[Connection], object]) -> Uncommitted | None:
        """Do `work` in a transaction of its own, and wait for nobody.

        None when somebody would have to be waited for: then nothing is done. What
        `work` raises is raised, and what it did is taken back. Until the transaction
        has come to its end, `run` waits for it.
        """
        if not self._turn.acquire(blocking=False):
            return None
        with ExitStack() as undo:
            undo.callback(self._turn.release)
            if self._writer is None:
                return None
            transaction = self._home.begin_now(self._writer)
            if transaction is None:
                return None
            undo.callback(transaction.rollback)
            work(self._writer)
            undo.pop_all()
        return Uncommitted(self, transaction)

    def commit(self, transaction: RootTransaction) -> None:
        """Make durable what was written now; StoreUnavailable as of `run`."""
        try:
            transaction.commit()
        except (SQLAlchemyError, OSError) as error:
            self._drop_writer()
            raise self._unavailable(error) from error
        finally:
            self._turn.release()

    def abandon(self) -> None:
        """Take back what was written now."""
        self._drop_writer()
        self._turn.release()

    def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do `work`, which cannot write, beside others; each statement for itself.

        StoreUnavailable when the database fails.
        """
        try:
            with self._home.readers.connect() as reader:
                try:
                    return work(reader)
                except SQLAlchemyError:
                    reader.invalidate()
                    raise
        except (SQLAlchemyError, OSError) as error:
            raise self._unavailable(error) from error

    def cut(self) -> None:
        """Make the calls of all threads fail soon; returns at once, from any thread.

        With SQLite only what computes can be cut, not what waits for a disk.
        """
        self._home.cords.pull()

    def close(self) -> None:
        """Close every connection that is not in use, and let another daemon write."""
        with self._turn:
            self._drop_writer()
            self._home.readers.dispose()
            self._home.release()

    def _find_home(self, url: URL) -> Home:
        match url.drivername:
            case "sqlite" | "sqlite+pysqlite":
                return Sqlite(url)
            case "postgresql" | "postgresql+psycopg":
                return Postgresql(url.set(drivername="postgresql+psycopg"))
        raise StoreError(self._line(f"{url.drivername} is not known"))

    def _writer_now(self) -> Connection:
        if self._writer is not None and self._home.is_over(self._writer):
            self._drop_writer()
        return self._writer or self._begin_writing()

    def _begin_writing(self) -> Connection:
        self._writer = self._home.writers.connect()
        if not self._home.locks(self._writer):
            self._drop_writer()
            refusal = StoreUnavailable if self._was_ours else StoreError
            raise refusal(self._line("in use by another lifeguard"))
        self._was_ours = True
        return self._writer

    def _drop_writer(self) -> None:
        """Close the connection, saying nothing more to whoever may not answer."""
        if self._writer is not None:
            self._writer.invalidate()
            self._writer.close()
            self._writer = None

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        cause = error.orig if isinstance(error, DBAPIError) else None
        return StoreUnavailable(self._line(str(cause or error)))

    def _line(self, said: str) -> str:
        # Without the query: it may hold a password, and it is long.
        where = self._url.set(query={}).render_as_string()
        return f"database {where}: {' '.join(said.split())}"
