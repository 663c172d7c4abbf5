"""What is PostgreSQL's own: its lock, its patience, and how a call to it is ended."""

from __future__ import annotations

import os
import secrets
import select
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DisconnectionError

from lifeguard.store.cords import Cords
from lifeguard.store.fence import taken
from lifeguard.store.threads import READERS

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import URL
    from sqlalchemy.pool import ConnectionPoolEntry

# A network that is dead is found out in some 11 s by both ends. A server that is
# alive and silent acknowledges everything: from that only a cord saves.
_OUR_PATIENCE = {
    "connect_timeout": "2",  # seconds
    "keepalives_idle": "5",  # seconds
    "keepalives_interval": "2",  # seconds
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",  # milliseconds
}
_ITS_PATIENCE = {
    "tcp_keepalives_idle": "5s",
    "tcp_keepalives_interval": "2s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "10s",
}

# A commit is on the disk before it is answered, whatever the server's habit.
_WRITING = {"synchronous_commit": "on"}
_READING = {"default_transaction_read_only": "on"}

READER_PATIENCE = 3.0
"""Seconds until one of them must be free."""

LOCK = 0x11FE
"""Marks the lock as lifeguard's; its other half is the schema of the tables."""

# Of the session, so the server frees it when what the session last committed has
# landed, and never before.
_lock = text("""
    SELECT pg_try_advisory_lock(:lock, coalesce(
        (SELECT oid FROM pg_namespace WHERE nspname = current_schema()), 0)::int)
""")

# A connection that was cut may live on at the server's end, and hold the lock.
_end_our_last = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = :name AND pid <> pg_backend_pid()
""")


class Postgresql:
    """A database of PostgreSQL, by psycopg."""

    def __init__(self, url: URL) -> None:
        # No other session has this name; the server cuts it after 63 bytes.
        self._name = f"lifeguard {secrets.token_hex(8)}"
        self.cords = Cords(_Socket)
        self.writers = _engine(url, self._name, _WRITING, poolclass=NullPool)
        self.readers = _engine(
            url,
            "lifeguard",
            _READING,
            isolation_level="AUTOCOMMIT",
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=READER_PATIENCE,
        )
        self.cords.watch(self.writers)
        self.cords.watch(self.readers)
        event.listen(self.readers, "checkout", _refuse_ended)

    def locks(self, connection: Connection) -> bool:
        """Whether this session has the lock; it keeps that for as long as it lives.

        When it has, what the session before it committed is decided.
        """
        with connection.begin():
            connection.execute(_end_our_last, {"name": self._name})
        return taken(partial(self._take, connection))

    def begin_now(self, connection: Connection) -> None:
        """Never: every statement is a way to the server and back."""

    def is_over(self, connection: Connection) -> bool:
        """Whether the server has ended the session, as far as we have heard."""
        return _is_over(connection.info)

    def release(self) -> None:
        """The lock went with the session."""

    def _take(self, connection: Connection) -> bool:
        with connection.begin():
            return bool(connection.scalar(_lock, {"lock": LOCK}))


class _Socket:
    """A connection's socket, by a descriptor that libpq does not close under us."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._heard = select.poll()
        self._heard.register(self._socket, select.POLLIN)

    def pull(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the server was faster

    def let_go(self) -> None:
        self._socket.close()

    def is_over(self) -> bool:
        """A server has nothing to say that was not asked, but that it ends."""
        return bool(self._heard.poll(0))


def _engine(
    url: URL, application_name: str, settings: dict[str, str], **options: Any
) -> Engine:
    """An engine with our patience and its; what the address says comes before both."""
    said = " ".join(url.normalized_query.get("options", ()))
    settings = _ITS_PATIENCE | settings
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    query = {
        **_OUR_PATIENCE,
        **url.query,
        "application_name": application_name,
        "options": f"{ours} {said}",
    }
    # Looking for hstore, which we do not use, would ask the server at each connection.
    return create_engine(url.set(query=query), use_native_hstore=False, **options)


def _refuse_ended(_connection: object, entry: ConnectionPoolEntry, _: object) -> None:
    """The pool then connects anew: a server may restart between two reads."""
    if _is_over(entry.info):
        raise DisconnectionError


def _is_over(info: dict[str, Any]) -> bool:
    cord: _Socket | None = info.get("cord")
    return cord is None or cord.is_over()
