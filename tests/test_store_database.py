"""What is in the file: the tables, the settings, the records that come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, create_engine, delete, inspect, text

from lifeguard.model import Change, HistoryRow, Request, Standing, Strikes
from lifeguard.store import StoreError, StoreUnavailable, fence, statements
from lifeguard.store.boot_index import metadata
from lifeguard.store.database import Database
from lifeguard.store.migrate import NEWEST, migrate
from lifeguard.store.schema import Moment, boards
from tests.postgres import KINDS, fresh_url
from tests.process_lab import Child, twistd
from tests.test_hostile_start import CONFIG, last_words, run, write_working

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def databases(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Database]]:
    """One of each kind, with its tables."""
    with ExitStack() as stack:
        databases = {}
        for kind in KINDS:
            url = fresh_url(kind, tmp_path_factory.mktemp("store"))
            databases[kind] = database = Database(stack.enter_context(url))
            stack.callback(database.close)
            database.run(migrate)
        yield databases


@pytest.fixture(params=KINDS)
def database(
    request: pytest.FixtureRequest, databases: dict[str, Database]
) -> Database:
    return databases[request.param]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    database = Database(url)
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

    assert database.run(dumped) == [(NEWEST,)]


def upgrade(connection: Connection, revision: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "lifeguard.store:migrations")
    command.upgrade(config, revision)


UNTOLD = {
    "Ready -- timeout --> FailedFlapping: incident 3: ": "given-up",
    "incident 3: board b-1: Ready -- timeout --> FailedFlapping": "given-up",
    "incident 4: image debian is set aside: it failed": "incident-opened",
    "incident 4 is closed: image debian: taken back by an operator": "incident-closed",
    "incident 5: relay board rack1 is broken: it is closed: no": "relay-board-broken",
    "incident 5 is closed: relay board rack1: it works again": "relay-board-works",
    "incident 6 is closed: relay board rack1: no board fails by it": "incident-closed",
}
"""What was not told before kinds were saved, and what it is about."""


def test_what_was_not_told_yet_is_of_its_kind_after_the_migration(
    empty: Database,
) -> None:
    def before(connection: Connection) -> None:
        upgrade(connection, "0006")
        row = text("INSERT INTO notices (at, board, text) VALUES (:at, 'b', :text)")
        rows = [{"at": NOON, "text": each} for each in UNTOLD]
        connection.execute(row.bindparams(bindparam("at", type_=Moment)), rows)

    empty.run(before)
    empty.run(migrate)
    told = empty.read(statements.untold)
    assert {each.text: each.kind for each in told} == UNTOLD


def test_the_migrations_go_through_from_each_to_the_next(empty: Database) -> None:
    def first(connection: Connection) -> None:
        upgrade(connection, "0001")
        row = "INSERT INTO daemon (id, service_seconds, token_key) VALUES (1, 7.0, '')"
        connection.execute(text(row))

    empty.run(first)
    empty.run(migrate)
    empty.run(lambda connection: statements.rule(connection, ruler=""))
    assert empty.read(statements.load).service_seconds == 7.0


def test_a_database_of_a_newer_lifeguard_is_refused(empty: Database) -> None:
    empty.run(migrate)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    empty.run(lambda connection: connection.execute(newer))
    with pytest.raises(StoreError, match=r"newer lifeguard \(revision 9999\)"):
        empty.run(migrate)


def test_a_migration_that_fails_leaves_no_table(empty: Database) -> None:
    foreign = text("CREATE TABLE daemon (id INTEGER)")
    empty.run(lambda connection: connection.execute(foreign))
    with pytest.raises(StoreUnavailable, match=r'"?daemon"? already exists'):
        empty.run(migrate)
    tables = empty.run(lambda connection: inspect(connection).get_table_names())
    assert tables == ["daemon"]


# The file


def test_sqlite_is_set_to_keep_what_it_was_given(
    databases: dict[str, Database],
) -> None:
    def in_force(connection: Connection) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {n: connection.scalar(text(f"PRAGMA {n}")) for n in names}

    assert databases["sqlite"].run(in_force) == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 1000,
    }


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "no such database: Could not parse"),
        ("lifeguard.sqlite", "no such database: Could not parse"),
        ("nosuch://x", "database nosuch://x: nosuch is not known"),
        ("mysql://me:secret@x/y", r"mysql://me:\*\*\*@x/y: mysql is not known"),
        ("postgresql+asyncpg://x", r"postgresql\+asyncpg is not known"),
        ("sqlite:///file:x?uri=true", "SQLite needs a file"),
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


def test_what_reads_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match=r"read-?only"):
        database.read(lambda connection: connection.execute(delete(boards)))


# One daemon

HOLD = """
import sys
from lifeguard.store.database import Database
database = Database(sys.argv[1])
database.run(print)
sys.stdout.flush()
sys.stdin.read()
"""


def test_a_second_daemon_is_refused_until_the_first_has_gone(
    empty: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "TRIES", 2)
    empty.run(migrate)
    second = Database(url)
    with pytest.raises(StoreError, match=r"^database .*: in use by another lifeguard$"):
        second.run(migrate)
    empty.close()
    second.run(migrate)
    second.close()


def test_a_daemon_may_start_in_the_moment_another_is_killed(
    empty: Database, url: str
) -> None:
    other = Child("-c", HOLD, url)
    other.wait_for("Connection")
    other.process.kill()
    empty.run(migrate)
    other.leave()


@pytest.mark.system
def test_the_second_of_two_daemons_ends_with_one_line(url: str, tmp_path: Path) -> None:
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        write_working(folder, database=url)
    first = twistd("--config", folders[0] / "lifeguard.toml")
    first.wait_for("http listens on")
    second = run(folders[1], *CONFIG)
    first.end()
    where = url.split("?")[0]
    assert last_words(second) == [f"database {where}: in use by another lifeguard"]


@pytest.mark.system
def test_a_daemon_that_was_replaced_ends_with_one_line(
    url: str, tmp_path: Path
) -> None:
    write_working(tmp_path / "first", database=url)
    daemon = twistd("--config", tmp_path / "first" / "lifeguard.toml")
    daemon.wait_for("http listens on")
    engine = create_engine(url)
    with engine.begin() as connection:
        statements.take_over(connection, "another")
    engine.dispose()
    line = daemon.wait_for("#critical]")
    assert line.endswith("another lifeguard has taken over")
    assert daemon.leave() == 1


def test_two_names_of_one_file_are_one_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "TRIES", 2)
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "lifeguard.sqlite")
    first, second = (
        Database(f"sqlite:///{tmp_path}/{name}.sqlite")
        for name in ("lifeguard", "link")
    )
    first.run(migrate)
    with pytest.raises(StoreError, match="in use"):
        second.run(migrate)
    first.close()


def test_a_lock_file_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lifeguard.sqlite.lock").mkdir()
    with pytest.raises(StoreUnavailable, match=r"Is a directory: .*sqlite\.lock"):
        Database(f"sqlite:///{tmp_path}/lifeguard.sqlite").run(migrate)


# Cutting

ENDLESS = text("""
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT max(i) FROM n
""")


@pytest.mark.parametrize("way", ["run", "read"])
def test_what_sqlite_computes_can_be_cut(
    databases: dict[str, Database], way: str
) -> None:
    def call() -> None:
        with pytest.raises(StoreUnavailable, match="interrupted"):
            run(lambda connection: connection.execute(ENDLESS))

    database = databases["sqlite"]
    run = getattr(database, way)
    thread = threading.Thread(target=call)
    thread.start()
    while thread.is_alive():
        database.cut()
        thread.join(0.01)
    assert run(lambda connection: connection.scalar(text("SELECT 1"))) == 1


def test_cutting_what_could_not_be_opened_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database at all, but a text\n" * 100)
    database = Database(f"sqlite:///{tmp_path}/text")
    with pytest.raises(StoreUnavailable) as kept:
        database.run(migrate)
    database.cut()
    assert "not a database" in str(kept.value)


def test_cutting_what_is_idle_harms_nothing(database: Database) -> None:
    for call in (database.run, database.read):
        database.cut()
        assert call(lambda connection: connection.scalar(text("SELECT 1"))) == 1


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
@given(kind=st.sampled_from(KINDS), after=standings)
def test_a_standing_comes_back_as_it_went(
    databases: dict[str, Database], kind: str, after: Standing
) -> None:
    database = databases[kind]
    after = replace(after, board=f"b{next(ordinals)}")
    database.run(lambda connection: statements.commit(connection, [change(after)]))
    found = database.read(lambda c: statements.standings(c, [after.board]))
    assert found == {after.board: after}
    assert found[after.board].since.tzinfo is UTC


def test_a_row_that_somebody_has_edited_is_named(database: Database) -> None:
    def edited(connection: Connection) -> None:
        for board in ("edited", "whole"):
            after = Standing(board=board, state="Ready", since=NOON, version=1)
            statements.commit(connection, [change(after)])
        connection.execute(
            text("UPDATE boards SET strikes = '[]' WHERE board = 'edited'")
        )
        found = statements.standings(connection, ["edited", "whole", "missing"])
        assert sorted(found) == ["edited", "whole"]
        assert found["whole"] == after
        assert isinstance(found["edited"], StoreError)
        raise found["edited"]

    with pytest.raises(StoreError, match=r"board edited, strikes: Expected `object`"):
        database.run(edited)


def test_an_outlet_is_never_owed_to_a_board_that_is_not_there(
    database: Database,
) -> None:
    marked = text("INSERT INTO owed_outlets VALUES ('rack1', '1/1', 'ghost', 1)")
    with pytest.raises(StoreUnavailable, match=r"(?i)foreign key"):
        database.run(lambda connection: connection.execute(marked))
