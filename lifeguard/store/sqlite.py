"""What is SQLite's own: its settings, its lock file, and what can be interrupted."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import OperationalError

from lifeguard.store.cords import Cords
from lifeguard.store.errors import StoreError
from lifeguard.store.fence import taken

if TYPE_CHECKING:
    from sqlalchemy import URL, RootTransaction

# Milliseconds to wait for another process that writes: a person's shell, since
# no other daemon does. Nothing interrupts that wait, so it is shorter than the
# patience of whoever waits for the thread; and a write that failed is asked again.
_PATIENT = "PRAGMA busy_timeout = 1000"
_IMPATIENT = "PRAGMA busy_timeout = 0"

_SETTINGS = (
    _PATIENT,
    # Readers and the writer do not wait for each other.
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it is answered.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class Sqlite:
    """A database of SQLite, in a file. StoreError when the address names none."""

    def __init__(self, url: URL) -> None:
        file = url.database or ":memory:"
        if file.startswith((":", "file:")):
            raise StoreError("database: SQLite needs a file, every thread opens it")
        # Not the file itself: closing it would end what SQLite has locked in it.
        self._lock_file = f"{Path(file).resolve()}.lock"
        self._lock: int | None = None
        self.cords = Cords(_Interruption)
        self.writers = _engine(url, self.cords, poolclass=NullPool)
        event.listen(self.writers, "begin", _begin)
        self.readers = _engine(url, self.cords, isolation_level="AUTOCOMMIT")
        event.listen(self.readers, "connect", _set_read_only)

    def locks(self, connection: Connection) -> bool:
        """Whether this process has the lock file; it keeps that until `release`."""
        return self._lock is not None or taken(self._take)

    def begin_now(self, connection: Connection) -> RootTransaction | None:
        """Begin, unless another process writes at this moment."""
        raw = cast("sqlite3.Connection", connection.connection.driver_connection)
        raw.execute(_IMPATIENT)
        try:
            return connection.begin()
        except OperationalError:
            return None
        finally:
            raw.execute(_PATIENT)

    def is_over(self, connection: Connection) -> bool:
        """Never: nobody is at the other end."""
        return False

    def release(self) -> None:
        """Let another process have the lock file, which stays where it is."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self) -> bool:
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True


class _Interruption:
    """Ends a statement that computes; one that waits for a disk or a lock goes on."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def pull(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it was closed before it was set up
            self._connection.interrupt()

    def let_go(self) -> None:
        """Nothing is held."""


def _engine(url: URL, cords: Cords, **options: Any) -> Engine:
    engine = create_engine(url, **options)
    cords.watch(engine)
    event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: sqlite3.Connection, _entry: object) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)


def _set_read_only(connection: sqlite3.Connection, _entry: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin(connection: Connection) -> None:
    # sqlite3 would begin only before DML: too late for DDL and savepoints. A lock
    # that is asked for later is refused at once, without the wait for its holder.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
