"""What is in the file: the tables, the settings, the records that come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, text

from lifeguard.model import Change, HistoryRow, Request, Standing, Strikes
from lifeguard.store import StoreError, StoreUnavailable, statements
from lifeguard.store.database import Database
from lifeguard.store.migrate import migrate
from lifeguard.store.schema import metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/lifeguard.sqlite"


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    database.run(migrate)
    yield database
    database.close()


def change(after: Standing) -> Change:
    row = HistoryRow(
        at=after.since,
        board=after.board,
        event="rq-reboot",
        source="operator",
        outcome="moved",
        from_state="Ready",
        to_state=after.state,
        generation=after.generation,
    )
    return Change(after=after, row=row)


# The tables


def test_the_newest_revision_makes_the_tables_of_the_schema(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert database.run(differences) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    def dumped(connection: Connection) -> list[Any]:
        migrate(connection)
        return list(connection.execute(text("SELECT * FROM alembic_version")))

    assert database.run(dumped) == [("0001",)]


def test_a_database_of_a_newer_lifeguard_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/lifeguard.sqlite")
    database.run(migrate)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    database.run(lambda connection: connection.execute(newer))
    with pytest.raises(StoreError, match=r"newer lifeguard \(revision 9999\)"):
        database.run(migrate)
    database.close()


def test_a_migration_that_fails_leaves_no_table(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/lifeguard.sqlite")
    foreign = text("CREATE TABLE daemon (id INTEGER)")
    database.run(lambda connection: connection.execute(foreign))
    with pytest.raises(StoreUnavailable, match="table daemon already exists"):
        database.run(migrate)
    tables = text("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert database.run(lambda c: list(c.scalars(tables))) == ["daemon"]
    database.close()


# The file


def test_sqlite_is_set_to_keep_what_it_was_given(database: Database) -> None:
    def in_force(connection: Connection) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {n: connection.scalar(text(f"PRAGMA {n}")) for n in names}

    assert database.run(in_force) == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "no such database: Could not parse"),
        ("lifeguard.sqlite", "no such database: Could not parse"),
        ("nosuch://x", "no such database: Can't load plugin"),
        ("postgresql://host:port/x", "no such database: "),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
    ],
)
def test_an_address_that_says_no_usable_database_is_refused(
    url: str, complaint: str
) -> None:
    with pytest.raises(StoreError, match=complaint):
        Database(url)


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    tmp_path.joinpath("text").write_text("not a database at all, but a text\n" * 100)
    complaints = []
    for name in ("missing/x.sqlite", "text", "."):
        with pytest.raises(StoreUnavailable) as raised:
            Database(f"sqlite:///{tmp_path}/{name}").run(migrate)
        complaints.append(str(raised.value).replace(str(tmp_path), "DIR"))
    assert complaints == [
        "database sqlite:///DIR/missing/x.sqlite: unable to open database file",
        "database sqlite:///DIR/text: file is not a database",
        "database sqlite:///DIR/.: unable to open database file",
    ]


def test_a_connection_is_kept_until_it_has_failed(database: Database) -> None:
    def connection() -> Any:
        return database.run(lambda connection: connection.connection.dbapi_connection)

    first = connection()
    assert connection() is first
    with pytest.raises(StoreUnavailable):
        database.run(lambda connection: connection.execute(text("SELECT nothing")))
    assert connection() is not first


# The records

numbers = st.integers(0, 2**63 - 1)
seconds = st.floats(0, 1e12)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda values: st.lists(values) | st.dictionaries(words, values),
    max_leaves=8,
)
objects = st.dictionaries(words, json, max_size=3)
zones = st.sampled_from([UTC, timezone(timedelta(hours=-7))])
standings = st.builds(
    Standing,
    board=st.just(""),
    state=words,
    since=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=zones),
    version=st.just(1),
    stay=numbers,
    generation=numbers,
    entered=seconds,
    deadline=st.none() | seconds,
    image=st.none() | words,
    wanted_image=st.none() | words,
    boot_config=objects,
    strikes=st.dictionaries(words, st.builds(Strikes, numbers, seconds), max_size=3),
    accepted=st.lists(words, max_size=3).map(tuple),
    noted=st.lists(words, max_size=3).map(tuple),
    request=st.none() | st.builds(Request, words, objects),
)
ordinals = count()


@settings(max_examples=60, deadline=None)
@given(after=standings)
def test_a_standing_comes_back_as_it_went(database: Database, after: Standing) -> None:
    after = replace(after, board=f"b{next(ordinals)}")
    database.run(lambda connection: statements.commit(connection, [change(after)]))
    found = database.run(lambda c: statements.standing(c, after.board))
    assert found == after
    assert found.since.tzinfo is UTC


def test_a_row_that_somebody_has_edited_is_named(database: Database) -> None:
    def edited(connection: Connection) -> None:
        after = Standing(board="edited", state="Ready", since=NOON, version=1)
        statements.commit(connection, [change(after)])
        connection.execute(
            text("UPDATE boards SET strikes = '[]' WHERE board = 'edited'")
        )
        statements.standing(connection, "edited")

    with pytest.raises(StoreError, match=r"board edited, strikes: Expected `object`"):
        database.run(edited)


def test_an_outlet_is_never_owed_to_a_board_that_is_not_there(
    database: Database,
) -> None:
    marked = text("INSERT INTO owed_outlets VALUES ('rack1', '1/1', 'ghost', 1)")
    with pytest.raises(StoreUnavailable, match=r"(?i)foreign key"):
        database.run(lambda connection: connection.execute(marked))
