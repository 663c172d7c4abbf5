"""The transactions of one start of a daemon; none is left to one that was replaced.

A few rows of SQLite are written in the reactor, and only their commit, which waits for
the disk, is the thread's: to take turns with a thread at the interpreter, row after
row, costs more than the rows do. What is more, or would have to be waited for, is left
to the thread as a whole. But a disk that does not answer when it is read from holds up
all of lifeguard, as it would hold up its files.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from lifeguard.store import statements
from lifeguard.store.errors import StoreError
from lifeguard.store.group import GroupRefused, write_apart, write_together
from lifeguard.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import Saved
    from lifeguard.store.database import Database, Uncommitted
    from lifeguard.store.group import Ask

Answer = TypeVar("Answer")

TOKEN_KEY = 32
"""Bytes, as long as the digest of the boot tokens' HMAC."""

FEW = 64
"""So many writes take the reactor some 3 ms."""

SLOW_SECONDS = 0.02
"""A few that take longer have waited for a disk that reads slowly."""

WARY_SECONDS = 60.0
"""For so long after that all is left to the thread."""


class Transactions:
    """What is done with the database; all but `write_now` and `cut` by its thread."""

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database, self._clock = database, clock
        self._ruler = secrets.token_hex(16)
        self._wary_until = clock.seconds()
        self.cut = database.cut

    def load(self) -> Saved:
        """Take over the lab as it was left."""

        def load(connection: Connection) -> Saved:
            migrate(connection)
            statements.first_start(connection, secrets.token_bytes(TOKEN_KEY))
            statements.take_over(connection, self._ruler)
            return statements.load(connection)

        return self._database.run(load)

    def write(self, asks: Sequence[Ask[Any]], now: float) -> list[StoreError | None]:
        """Write what is asked for, and the service seconds; what each met."""
        try:
            self.run(partial(write_together, asks=asks), now)
        except GroupRefused:
            return self.run(partial(write_apart, asks=asks), now)
        return [None] * len(asks)

    def write_now(self, asks: Sequence[Ask[Any]], now: float) -> Uncommitted | None:
        """As `write`, in the reactor, but for the commit.

        None when that is not to be had, for whatever reason: `write` will meet it.
        """
        began = self._clock.seconds()
        if not _are_few(asks) or began < self._wary_until:
            return None
        work = self._ruled(partial(write_together, asks=asks), now)
        try:
            return self._database.write_now(work)
        except (GroupRefused, StoreError, SQLAlchemyError, OSError):
            return None
        finally:
            self._beware(began)

    def try_out(self) -> None:
        """Write as much as almost any group needs, and leave no trace of it."""
        self.run(statements.try_out)

    def run(self, work: Callable[[Connection], Answer], now: float = 0.0) -> Answer:
        """Do `work` in one transaction, if it is still for us to do."""
        return self._database.run(self._ruled(work, now))

    def _ruled(
        self, work: Callable[[Connection], Answer], now: float
    ) -> Callable[[Connection], Answer]:
        def ruled(connection: Connection) -> Answer:
            statements.rule(connection, self._ruler, now)
            return work(connection)

        return ruled

    def _beware(self, began: float) -> None:
        ended = self._clock.seconds()
        if ended - began > SLOW_SECONDS:
            self._wary_until = ended + WARY_SECONDS


def _are_few(asks: Sequence[Ask[Any]]) -> bool:
    return len(asks) <= FEW and all(ask.touches_few for ask in asks)
