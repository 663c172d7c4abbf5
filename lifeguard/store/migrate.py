"""Brings a database's tables to what this lifeguard expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import column, inspect, select, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

NEWEST: Final = "0008"
"""The last of the revisions in `migrations`; a test keeps this true."""

_APPLIED = table("alembic_version", column("version_num"))


def migrate(connection: Connection) -> None:
    """Apply the revisions that are missing, within the caller's transaction.

    StoreError when the database has one that this lifeguard does not know.
    """
    if _applied(connection) == [NEWEST]:
        return
    # Alembic is a tenth of a start, and hardly any start has something to apply.
    from lifeguard.store.upgrade import upgrade

    upgrade(connection)


def _applied(connection: Connection) -> list[str]:
    if not inspect(connection).has_table(_APPLIED.name):
        return []
    return list(connection.scalars(select(_APPLIED.c.version_num)))
