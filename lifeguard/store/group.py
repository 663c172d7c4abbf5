"""Many writes in one transaction, of which the guilty fail alone.

Usually all go well, so they are tried together, a statement for each run of one
kind. When any is refused, that transaction is taken back, and in another one they
are applied one at a time.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from lifeguard.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

Item = TypeVar("Item")

# A client's JSON may hold what a database or UTF-8 does not: NUL, half a surrogate.
_REFUSED = (StoreError, DataError, IntegrityError, ValueError, OverflowError)


@dataclass(frozen=True)
class Ask(Generic[Item]):
    """One thing to write, and the statement that writes many of its kind."""

    write: Callable[[Connection, Sequence[Item]], None]
    item: Item
    touches_few: bool = True
    """Whether it touches a few rows, however many there are."""


class GroupRefused(Exception):
    """At least one of these writes is refused; no word of which."""


def write_together(connection: Connection, asks: Sequence[Ask[Any]]) -> None:
    """Write what was asked, in that order.

    Raises GroupRefused, after which the transaction must be taken back; a savepoint
    would save that, and cost every group that goes well.
    """
    try:
        for write, run in groupby(asks, attrgetter("write")):
            write(connection, [ask.item for ask in run])
    except _REFUSED as error:
        raise GroupRefused from error


def write_apart(
    connection: Connection, asks: Sequence[Ask[Any]]
) -> list[StoreError | None]:
    """Write what was asked, in that order. Answers what each one met, None if well.

    A write that is refused leaves no trace. What the connection itself raises is
    raised here too, and then nothing is written.
    """
    return [_write_alone(connection, ask) for ask in asks]


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """Undo what was refused.

    SQLite has dropped its savepoints when the disk is full; to go back to one
    then would only hide the reason.
    """
    savepoint = connection.begin_nested()
    try:
        yield
    except _REFUSED:
        savepoint.rollback()
        raise
    savepoint.commit()


def _write_alone(connection: Connection, ask: Ask[Any]) -> StoreError | None:
    try:
        with _savepoint(connection):
            ask.write(connection, [ask.item])
    except StoreError as error:
        return error
    except _REFUSED as error:
        cause = error.orig if isinstance(error, DBAPIError) else None
        return StoreError(f"cannot be stored: {' '.join(str(cause or error).split())}")
    return None
