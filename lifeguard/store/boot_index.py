"""The index in which a start finds what netboot saw of each boot.

Not in `schema`: to be told of a condition in PostgreSQL's words, SQLAlchemy imports all
that it has for PostgreSQL. Who compares tables takes `metadata` from here, and has it.
"""

from __future__ import annotations

from sqlalchemy import Index

from lifeguard.store.schema import by_netboot, history, metadata

__all__ = ["metadata"]

Index(
    "history_of_boot",
    history.c.board,
    history.c.generation,
    sqlite_where=by_netboot,
    postgresql_where=by_netboot,
)
