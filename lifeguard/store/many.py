"""One statement for any number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable


def write_many(
    connection: Connection, statement: Executable, parameters: list[dict[str, Any]]
) -> int:
    """How many rows it touched. SQLAlchemy takes an empty list for one bare row."""
    if not parameters:
        return 0
    return connection.execute(statement, parameters).rowcount
