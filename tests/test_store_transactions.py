"""Transactions that are written in the reactor, and who they would have to wait for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection
from twisted.internet.task import Clock

from lifeguard.store import Replaced, StoreUnavailable, blame, statements
from lifeguard.store.database import Database
from lifeguard.store.group import Ask
from lifeguard.store.transactions import (
    FEW,
    SLOW_SECONDS,
    WARY_SECONDS,
    Transactions,
)
from tests.postgres import fresh_url
from tests.test_store import change

A_STEP: Ask[Any] = Ask(statements.commit, change())


class Rig(NamedTuple):
    transactions: Transactions
    database: Database
    clock: Clock
    path: Path

    def versions(self) -> list[int]:
        """Those of the boards, as others see them by now."""
        with sqlite3.connect(self.path) as connection:
            return [row[0] for row in connection.execute("SELECT version FROM boards")]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    path, clock = tmp_path / "lifeguard.sqlite", Clock()
    database = Database(f"sqlite:///{path}")
    transactions = Transactions(database, clock)
    transactions.load()
    yield Rig(transactions, database, clock, path)
    database.close()


def test_what_is_written_now_is_there_when_it_is_committed(rig: Rig) -> None:
    written = rig.transactions.write_now([A_STEP], 5.0)
    assert written is not None
    assert rig.versions() == []
    written.commit()
    assert rig.versions() == [1]


def test_what_is_abandoned_is_not_there(rig: Rig) -> None:
    written = rig.transactions.write_now([A_STEP], 5.0)
    assert written is not None
    written.abandon()
    assert rig.versions() == []
    assert rig.transactions.write([A_STEP], 5.0) == [None]


def test_after_its_commit_there_is_nothing_to_abandon(rig: Rig) -> None:
    written = rig.transactions.write_now([A_STEP], 5.0)
    assert written is not None
    written.commit()
    written.abandon()
    assert rig.versions() == [1]
    assert rig.transactions.write([], 6.0) == []


def test_a_refused_write_leaves_all_to_the_thread(rig: Rig) -> None:
    behind = Ask(statements.commit, change(version=3))
    assert rig.transactions.write_now([A_STEP, behind], 5.0) is None
    assert rig.versions() == []
    first, second = rig.transactions.write([A_STEP, behind], 5.0)
    assert (first, type(second).__name__) == (None, "Superseded")


def test_another_process_that_writes_is_not_waited_for(rig: Rig) -> None:
    said: list[str] = []
    rig.database.run(
        lambda connection: _raw(connection).set_trace_callback(said.append)
    )
    other = sqlite3.connect(rig.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert rig.transactions.write_now([A_STEP], 5.0) is None
    other.execute("ROLLBACK")
    other.close()
    asked = said[said.index("COMMIT") + 1 :]
    assert asked == ["PRAGMA busy_timeout = 0", "BEGIN IMMEDIATE", PATIENT]
    assert rig.transactions.write([A_STEP], 5.0) == [None]


def test_the_thread_waits_for_another_process_as_before(rig: Rig) -> None:
    assert rig.database.run(_patience) == 1000
    written = rig.transactions.write_now([A_STEP], 5.0)
    assert written is not None
    written.commit()
    assert rig.database.run(_patience) == 1000


PATIENT = "PRAGMA busy_timeout = 1000"


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _patience(connection: Connection) -> int | None:
    return connection.exec_driver_sql("PRAGMA busy_timeout").scalar()


def test_many_writes_are_left_to_the_thread(rig: Rig) -> None:
    def asks(number: int) -> list[Ask[Any]]:
        return [Ask(statements.commit, change(f"b{n}")) for n in range(number)]

    assert rig.transactions.write_now(asks(FEW + 1), 5.0) is None
    written = rig.transactions.write_now(asks(FEW), 5.0)
    assert written is not None
    written.commit()
    assert len(rig.versions()) == FEW


def test_one_that_may_touch_many_rows_is_left_to_the_thread(rig: Rig) -> None:
    wide = Ask(blame.forget_evidence, 5.0, touches_few=False)
    assert rig.transactions.write_now([A_STEP, wide], 5.0) is None


def test_after_a_slow_read_the_thread_writes_for_a_while(rig: Rig) -> None:
    slow = Ask(_passing(rig.clock, SLOW_SECONDS * 2), None)
    written = rig.transactions.write_now([slow], 5.0)
    assert written is not None
    written.commit()
    assert rig.transactions.write_now([A_STEP], 5.0) is None
    rig.clock.advance(WARY_SECONDS)
    written = rig.transactions.write_now([A_STEP], 5.0)
    assert written is not None
    written.commit()


def _passing(clock: Clock, seconds: float) -> Callable[[Connection, object], None]:
    return lambda connection, items: clock.advance(seconds)


def test_one_that_was_replaced_hears_it_from_the_thread(rig: Rig) -> None:
    rig.database.run(lambda connection: statements.take_over(connection, "another"))
    assert rig.transactions.write_now([A_STEP], 5.0) is None
    with pytest.raises(Replaced):
        rig.transactions.write([A_STEP], 5.0)


def test_a_commit_that_fails_is_of_a_store_that_is_away(rig: Rig) -> None:
    # A reference that is checked at the commit, as the last thing that can fail there.
    with sqlite3.connect(rig.path) as connection:
        connection.executescript(
            "CREATE TABLE late (board TEXT"
            " REFERENCES boards (board) DEFERRABLE INITIALLY DEFERRED)"
        )
    late = Ask(_inserted("INSERT INTO late VALUES ('nobody')"), None)
    written = rig.transactions.write_now([late], 5.0)
    assert written is not None
    with pytest.raises(StoreUnavailable):
        written.commit()
    assert rig.transactions.write([A_STEP], 5.0) == [None]


def _inserted(statement: str) -> Callable[[Connection, object], None]:
    def insert(connection: Connection, _: object) -> None:
        connection.exec_driver_sql(statement)

    return insert


def test_a_server_would_be_waited_for(tmp_path: Path) -> None:
    with fresh_url("postgresql", tmp_path) as url:
        database = Database(url)
        transactions = Transactions(database, Clock())
        transactions.load()
        assert transactions.write_now([A_STEP], 5.0) is None
        assert transactions.write([A_STEP], 5.0) == [None]
        database.close()
