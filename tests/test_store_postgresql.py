"""A real server that is stopped, started and frozen; the lock of one daemon."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from lifeguard.store import StoreError, StoreUnavailable, fence
from lifeguard.store.database import Database
from lifeguard.store.migrate import migrate
from tests.postgres import NOT_DURABLE, Server, own_server, schema_url
from tests.process_lab import until

SLEEP = text("SELECT pg_sleep(60)")
ADD = text("INSERT INTO kept VALUES (1)")
COUNT = text("SELECT count(*) FROM kept")
SESSION = text("SELECT pg_backend_pid()")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_server() as server:
        yield server


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with schema_url(server) as url:
        yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """It has one table, which is empty."""
    database = Database(url)
    database.run(does(text("CREATE TABLE kept (one INTEGER)")))
    yield database
    database.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a lock."""
    monkeypatch.setattr(fence, "TRIES", 2)


def does(statement: Any) -> Callable[[Connection], Any]:
    """Work that is one statement; its answer is the first value, if there is one."""

    def work(connection: Connection) -> Any:
        answer = connection.execute(statement)
        return answer.scalar() if answer.returns_rows else None

    return work


class Call:
    """A call in a thread of its own; how it ended."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.ending: Any = None
        self._function = function
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def goes_on_for(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return self._thread.is_alive()

    def end(self) -> Any:
        self._thread.join(10)
        assert not self._thread.is_alive(), "still waiting"
        return self.ending

    def _run(self) -> None:
        try:
            self.ending = self._function()
        except StoreError as error:
            self.ending = error


def complaint(function: Callable[[], Any]) -> tuple[type[StoreError], str]:
    """What kind of error it is, and what it says after naming the database."""
    with pytest.raises(StoreError) as raised:
        function()
    return raised.type, str(raised.value).split(": ", 1)[1]


IN_USE = "in use by another lifeguard"


# The session


def test_no_session_waits_for_ever(database: Database) -> None:
    names = (
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "tcp_keepalives_idle",
        "tcp_user_timeout",
    )
    show = {name: does(text(f"SHOW {name}")) for name in names}
    in_force = [{name: run(show[name]) for name in names} for run in runs(database)]
    assert in_force[0] == in_force[1]
    assert list(in_force[0].values()) == ["10s", "3s", "10s", "5", "10000"]


def test_a_commit_is_on_the_disk_whatever_the_server_thinks(
    database: Database, server: Server
) -> None:
    assert "synchronous_commit=off" in NOT_DURABLE
    assert database.run(does(text("SHOW synchronous_commit"))) == "on"


def runs(database: Database) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return database.run, database.read


def test_what_the_address_says_comes_first(url: str) -> None:
    database = Database(f"{url} -cstatement_timeout%3D7s")
    assert database.run(does(text("SHOW statement_timeout"))) == "7s"
    database.close()


def test_the_address_in_a_complaint_keeps_its_secrets() -> None:
    database = Database("postgresql://me:secret@127.0.0.1:1/lab?sslpassword=secret")
    with pytest.raises(StoreUnavailable) as raised:
        database.run(does(COUNT))
    line = str(raised.value)
    assert line.startswith("database postgresql://me:***@127.0.0.1:1/lab: ")
    assert "secret" not in line
    assert "\n" not in line


def test_one_session_writes_and_others_only_read(database: Database) -> None:
    writers = {database.run(does(SESSION)) for _ in range(3)}
    assert len(writers) == 1
    assert database.read(does(SESSION)) not in writers
    _, said = complaint(lambda: database.read(does(ADD)))
    assert "read-only transaction" in said
    assert database.read(does(COUNT)) == 0


# One lab, one daemon


@pytest.mark.usefixtures("impatient")
def test_a_second_daemon_is_refused_until_the_first_has_gone(
    database: Database, url: str
) -> None:
    second = Database(url)
    assert complaint(lambda: second.run(does(ADD))) == (StoreError, IN_USE)
    database.close()
    second.run(does(ADD))
    second.close()


def test_another_schema_is_another_lab(database: Database, server: Server) -> None:
    with schema_url(server) as other_url:
        other = Database(other_url)
        assert other.run(does(text("SELECT 1"))) == 1
        other.close()


@pytest.mark.usefixtures("impatient")
def test_a_daemon_that_lost_its_session_writes_nothing_while_another_rules(
    database: Database, url: str, server: Server
) -> None:
    end_sessions(server)
    second = Database(url)
    second.run(does(ADD))
    assert complaint(lambda: database.run(does(ADD))) == (StoreUnavailable, IN_USE)
    second.close()
    assert database.run(does(COUNT)) == 1


def test_a_session_that_nobody_answers_for_is_ended_by_the_next(
    database: Database,
) -> None:
    # As when the network dies: the server does not hear that its client has gone.
    forgotten, database._writer = database._writer, None
    assert forgotten is not None
    old = does(SESSION)(forgotten)
    assert database.run(does(SESSION)) != old


def end_sessions(server: Server) -> None:
    """Of all that write; returns when they have ended."""
    server.run("""
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name LIKE 'lifeguard %'
    """)


# The server going away


def test_a_restart_between_two_calls_is_not_noticed(
    database: Database, server: Server
) -> None:
    for run in runs(database):
        run(does(COUNT))
    server.stop()
    server.start()
    assert [run(does(COUNT)) for run in runs(database)] == [0, 0]


def test_a_server_that_is_gone_is_one_line_and_is_found_again(
    database: Database, server: Server
) -> None:
    server.stop()
    for run in runs(database):
        kind, said = complaint(lambda run=run: run(does(COUNT)))
        assert kind is StoreUnavailable
        assert "Connection refused" in said
        assert "\n" not in said
    server.start()
    assert [run(does(COUNT)) for run in runs(database)] == [0, 0]


@pytest.mark.parametrize("way", ["run", "read"])
def test_a_connection_without_a_descriptor_to_spare_is_one_line(
    database: Database, server: Server, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    run = getattr(database, way)
    run(does(COUNT))
    server.stop()
    server.start()
    with monkeypatch.context() as patched:
        patched.setattr(os, "dup", no_more)
        for _ in range(3):
            kind, said = complaint(lambda: run(does(COUNT)))
            assert kind is StoreUnavailable
            assert "Too many open files" in said
    assert run(does(COUNT)) == 0


def test_a_session_that_ends_in_mid_transaction_writes_nothing(
    database: Database, server: Server
) -> None:
    def work(connection: Connection) -> None:
        connection.execute(ADD)
        end_sessions(server)
        connection.execute(ADD)

    assert complaint(lambda: database.run(work))[0] is StoreUnavailable
    assert database.run(does(COUNT)) == 0


# Cutting


@pytest.mark.parametrize("way", ["run", "read"])
def test_a_long_statement_can_be_cut(
    database: Database, server: Server, way: str
) -> None:
    run = getattr(database, way)
    run(does(COUNT))
    call = Call(lambda: run(does(SLEEP)))
    until(lambda: sleeping(database))
    database.cut()
    assert isinstance(call.end(), StoreUnavailable)
    assert run(does(COUNT)) == 0


def sleeping(database: Database) -> bool:
    active = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    return bool(database.read(does(text(active))))


@pytest.mark.parametrize("way", ["run", "read"])
def test_a_frozen_server_holds_no_thread(
    database: Database, server: Server, way: str
) -> None:
    def work(connection: Connection) -> None:
        connection.execute(COUNT)
        server.pause()
        frozen.set()
        connection.execute(COUNT)

    frozen = threading.Event()
    run = getattr(database, way)
    call = Call(lambda: run(work))
    frozen.wait()
    assert call.goes_on_for(0.1)
    database.cut()
    assert isinstance(call.end(), StoreUnavailable)
    server.go_on()
    assert run(does(COUNT)) == 0


@pytest.mark.usefixtures("impatient")
def test_nothing_is_written_before_a_commit_that_was_cut_is_decided(
    database: Database,
) -> None:
    def work(connection: Connection) -> None:
        connection.execute(ADD)
        os.kill(session, signal.SIGSTOP)
        frozen.set()

    frozen = threading.Event()
    session = database.run(does(SESSION))
    call = Call(lambda: database.run(work))
    frozen.wait()
    assert call.goes_on_for(0.1)  # in its commit by now
    database.cut()
    assert isinstance(call.end(), StoreUnavailable)
    refused = Call(lambda: database.run(does(ADD))).end()
    os.kill(session, signal.SIGCONT)
    assert isinstance(refused, StoreUnavailable)
    assert str(refused).endswith(IN_USE)
    until(lambda: not Path(f"/proc/{session}").exists())
    found = database.run(does(COUNT))
    assert found in (0, 1)
    assert database.run(does(COUNT)) == found


def test_cutting_what_is_idle_harms_nothing(database: Database) -> None:
    for run in runs(database):
        run(does(COUNT))
        database.cut()
        assert run(does(COUNT)) == 0


def test_a_migration_may_take_its_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, shown = text("SHOW statement_timeout"), list[str]()

    def slow(config: Config, _: str) -> None:
        shown.append(config.attributes["connection"].scalar(show))

    monkeypatch.setattr(command, "upgrade", slow)
    empty = Database(url)
    empty.run(migrate)
    shown.append(empty.run(does(show)))
    empty.close()
    assert shown == ["0", "10s"]
