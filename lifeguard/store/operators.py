"""The SQL of the operators' tokens. As in `statements`, nothing here commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import asdict
from sqlalchemy import insert, select, update

from lifeguard.model import Operator
from lifeguard.store.schema import operators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def save_operators(connection: Connection, known: Sequence[Operator]) -> None:
    """Write each as it is by now; may be repeated."""
    for operator in known:
        row, here = asdict(operator), operators.c.digest == operator.digest
        if not connection.execute(update(operators).where(here).values(row)).rowcount:
            connection.execute(insert(operators), row)


def all_operators(connection: Connection) -> list[Operator]:
    """All that are kept, in the order in which they were made."""
    found = connection.execute(select(operators).order_by(operators.c.made))
    return [Operator(**row._asdict()) for row in found]
