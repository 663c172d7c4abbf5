"""The way to the database: its address, its settings, its failures.

What is SQLite's own stands here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from lifeguard.store.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL

Answer = TypeVar("Answer")

_SQLITE_SETTINGS = (
    # Readers and the writer do not wait for each other.
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it is answered.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Milliseconds to wait for another process that writes.
    "PRAGMA busy_timeout = 5000",
)


class Database:
    """A database of SQLite or PostgreSQL; used from any thread.

    `url` is SQLAlchemy's. StoreError when it says no database that can be used;
    nothing is opened before the first `run`.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self._engine = create_engine(self._url)
        except (ArgumentError, ImportError, ValueError) as error:
            raise StoreError(f"no such database: {error}") from error
        _refuse_foreign(self._url)
        if self._url.get_backend_name() == "sqlite":
            _set_up_sqlite(self._engine)

    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do `work` in one transaction; its answer, once that is durable.

        StoreUnavailable when the database fails, even at the commit itself. The
        next `run` begins with a connection of its own.
        """
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            self._engine.dispose()
            cause = error.orig if isinstance(error, DBAPIError) else None
            raise StoreUnavailable(self._line(cause or error)) from error

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    def _line(self, error: BaseException) -> str:
        said = " ".join(str(error).split())
        return f"database {self._url.render_as_string()}: {said}"


def _refuse_foreign(url: URL) -> None:
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise StoreError(f"database {url.render_as_string()}: {backend} is not known")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("database: SQLite needs a file, every thread opens it")


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        for setting in _SQLITE_SETTINGS:
            connection.execute(setting)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # sqlite3 would begin only before DML: too late for DDL and savepoints.
        connection.exec_driver_sql("BEGIN")
