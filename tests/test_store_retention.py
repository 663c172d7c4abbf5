"""Old history goes, in steps; what is young or still counted stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select

from lifeguard.model import Operator
from lifeguard.store.database import Database
from lifeguard.store.migrate import migrate
from lifeguard.store.operators import all_operators, save_operators
from lifeguard.store.retention import forget
from lifeguard.store.schema import (
    history,
    incidents,
    metadata,
    relay_board_history,
)
from tests.postgres import KINDS, fresh_url

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Ages = tuple[int, int | None]
"""Days before noon at which a row began, and at which it was last counted into."""


def row(ages: Ages) -> dict[str, object]:
    at, last = (None if age is None else NOON - timedelta(days=age) for age in ages)
    return {
        "at": at,
        "last": last,
        "board": "b1",
        "event": "image-running",
        "source": "board",
        "outcome": "stale",
        "from_state": "Ready",
        "to_state": "Ready",
        "generation": 1,
        "reason": "",
        "count": 1,
    }


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with fresh_url(request.param, tmp_path) as url:
        database = Database(url)
        database.run(migrate)
        yield database
        database.close()


def write(database: Database, *ages: Ages) -> None:
    """Rows with the ids 1, 2, ..."""
    rows = list(map(row, ages))
    database.run(lambda connection: connection.execute(insert(history), rows) and None)


def pass_over(database: Database, days: int, at_most: int) -> list[int | None]:
    """What each step of a whole pass answers."""
    answers: list[int | None] = [0]
    older_than = NOON - timedelta(days=days)
    while (after := answers[-1]) is not None:
        answers.append(
            database.run(lambda c, after=after: forget(c, older_than, after, at_most))
        )
    return answers[1:]


def left(database: Database) -> list[int]:
    ids = select(history.c.id).order_by(history.c.id)
    return database.read(lambda connection: list(connection.scalars(ids)))


def test_old_rows_go_in_steps_and_the_first_young_step_ends_the_pass(
    database: Database,
) -> None:
    write(database, *((age, None) for age in (90, 80, 70, 60, 50, 40, 30, 20, 10, 0)))
    assert pass_over(database, days=35, at_most=2) == [2, 4, 6, None]
    assert left(database) == [7, 8, 9, 10]
    assert pass_over(database, days=35, at_most=2) == [None]


def test_a_row_that_is_still_counted_into_stays_and_hides_none_behind_it(
    database: Database,
) -> None:
    write(database, (90, 1), (89, 2), (88, None), (87, 86), (1, None))
    assert pass_over(database, days=35, at_most=2) == [2, 4, None]
    assert left(database) == [1, 2, 5]


def test_a_row_as_old_as_the_limit_stays(database: Database) -> None:
    write(database, (36, None), (35, None))
    assert pass_over(database, days=35, at_most=500) == [2, None]
    assert left(database) == [2]


def test_an_empty_history_is_a_whole_pass(database: Database) -> None:
    assert pass_over(database, days=35, at_most=500) == [None]


def test_ids_are_not_given_again_when_the_newest_rows_have_gone(
    database: Database,
) -> None:
    write(database, (90, None), (80, None))
    assert pass_over(database, days=35, at_most=500) == [2, None]
    write(database, (0, None))
    assert left(database) == [3]


ages = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(
    lambda pair: (max(pair), min(pair) if min(pair) < max(pair) else None)
)


@given(
    written=st.lists(ages, max_size=12),
    days=st.integers(0, 9),
    at_most=st.integers(1, 5),
)
def test_a_pass_leaves_what_is_young_whatever_the_steps(
    written: list[Ages], days: int, at_most: int
) -> None:
    written.sort(key=lambda ages: -ages[0])
    younger = [
        number
        for number, (began, last) in enumerate(written, 1)
        if (began if last is None else last) <= days
    ]
    engine, after = create_engine("sqlite://"), 0
    with engine.connect() as connection:
        metadata.create_all(connection)
        for ages in written:
            connection.execute(insert(history), row(ages))
        older_than = NOON - timedelta(days=days)
        while (
            after := forget(connection, older_than, after or 0, at_most)
        ) is not None:
            assert after > 0
        assert list(connection.scalars(select(history.c.id))) == younger
    engine.dispose()


def test_old_rows_of_relay_boards_go_too(database: Database) -> None:
    rows = [
        {
            "at": NOON - timedelta(days=age),
            "relay_board": "rack1",
            "state": "Broken",
            "why": "",
        }
        for age in (1, 9)
    ]
    statement = insert(relay_board_history)
    database.run(lambda connection: connection.execute(statement, rows) and None)
    pass_over(database, days=5, at_most=10)
    left = database.run(
        lambda connection: (
            connection.execute(select(relay_board_history.c.id)).scalars().all()
        )
    )
    assert left == [1]


def test_tokens_that_have_not_counted_for_long_go_too(database: Database) -> None:
    def token(
        digest: str, expires: int | None = None, revoked: int | None = None
    ) -> Operator:
        """Expired and revoked so many days before noon."""
        moments = [
            None if days is None else NOON - timedelta(days=days)
            for days in (expires, revoked)
        ]
        return Operator(
            name="ci",
            role="see",
            digest=digest,
            made=NOON - timedelta(days=99),
            expires=moments[0],
            revoked=moments[1],
        )

    known = [
        token("never"),
        token("expired", expires=9),
        token("just expired", expires=1),
        token("revoked", revoked=9),
        token("just revoked", revoked=1),
        token("revoked before it expired", expires=1, revoked=9),
        token("revoked after it expired", expires=9, revoked=1),
    ]
    database.run(lambda connection: save_operators(connection, known))
    pass_over(database, days=5, at_most=10)
    left = database.read(all_operators)
    assert left == [
        each for each in known if not each.ended_before(NOON - timedelta(days=5))
    ]
    assert {each.digest for each in left} == {
        "never",
        "just expired",
        "just revoked",
        "revoked after it expired",
    }


def incident(number: int, closed: int | None) -> dict[str, object]:
    """Closed so many days before noon, if it is."""
    return {
        "id": number,
        "kind": "board",
        "name": "b1",
        "opened": NOON - timedelta(days=99),
        "closed": None if closed is None else NOON - timedelta(days=closed),
        "since": 0.0,
        "boards": "[]",
        "failing": "[]",
        "text": "",
        "set_aside": False,
    }


def left_incidents(database: Database) -> list[int]:
    ids = select(incidents.c.id).order_by(incidents.c.id)
    return database.read(lambda connection: list(connection.scalars(ids)))


def test_closed_incidents_go_too_some_in_each_pass_and_the_last_id_stays(
    database: Database,
) -> None:
    ages = (9, None, 8, 1, 7, 6)
    rows = [incident(number, age) for number, age in enumerate(ages, 1)]
    statement = insert(incidents)
    database.run(lambda connection: connection.execute(statement, rows) and None)
    pass_over(database, days=5, at_most=2)
    assert left_incidents(database) == [2, 4, 5, 6]
    pass_over(database, days=5, at_most=2)
    pass_over(database, days=5, at_most=2)
    assert left_incidents(database) == [2, 4, 6]
