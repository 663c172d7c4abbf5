"""The disk of a virtual lab says what the store on SQL says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from lifeguard.model import (
    Cause,
    Change,
    Evidence,
    HistoryRow,
    Incident,
    Judgement,
    Notice,
    Outlet,
    Owed,
    Standing,
)
from lifeguard.simulator.virtual.durable import Durable
from lifeguard.store import StoreError, blame, statements
from lifeguard.store.schema import metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOARDS = st.sampled_from(["panda-01", "panda-02"])
OUTLETS = st.sampled_from([Outlet("rack1", "1/1"), Outlet("rack1", "1/2")])
NUMBERS = st.integers(1, 3)

rows = st.builds(
    HistoryRow,
    at=st.integers(0, 100).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    board=BOARDS,
    event=st.sampled_from(["install-ok", "image-running"]),
    source=st.sampled_from(["token", "timer"]),
    outcome=st.sampled_from(["refused", "stale"]),
    from_state=st.just("Ready"),
    to_state=st.just("Ready"),
    generation=NUMBERS,
    reason=st.sampled_from(["", "why not"]),
)
owed = st.builds(Owed, OUTLETS, BOARDS, NUMBERS)
notices = st.builds(
    Notice, at=st.just(NOON), board=BOARDS, text=st.sampled_from(["one", "two"])
)
evidence = st.builds(
    Evidence,
    at=st.just(NOON),
    seconds=NUMBERS.map(float),
    board=BOARDS,
    state=st.just("ReimageBooting"),
    verdict=st.sampled_from(["well", "failed", "given-up"]),
    about=st.sampled_from(["power", "install", "run"]),
    image=st.sampled_from(["debian", None]),
)
judgements = st.builds(
    Judgement,
    st.builds(
        Incident,
        id=NUMBERS,
        cause=st.sampled_from(
            [Cause("image", "debian"), Cause("relay-board", "rack1")]
        ),
        opened=st.just(NOON),
        since=st.just(1.0),
        boards=st.just(("panda-01", "panda-02")),
        failing=st.sampled_from([(), ("panda-01",)]),
        text=st.just("why"),
        closed=st.sampled_from([None, NOON]),
        set_aside=st.booleans(),
    ),
    st.lists(notices, max_size=2).map(tuple),
)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    row = draw(rows)
    return Change(
        after=Standing(
            board=row.board, state="Ready", since=NOON, version=draw(NUMBERS)
        ),
        row=row,
        owed=tuple(
            Owed(one.outlet, row.board, one.generation)
            for one in draw(st.lists(owed, max_size=2, unique_by=lambda o: o.outlet))
        ),
        notices=tuple(draw(st.lists(notices, max_size=1))),
        evidence=draw(st.none() | evidence),
    )


def met(write: Callable[[], object]) -> str:
    """What a write met."""
    try:
        write()
    except StoreError as error:
        return type(error).__name__
    return "well"


FORGET = st.floats(0, 4)
"""Service seconds before which evidence is forgotten."""


@given(st.lists(changes() | rows | owed | judgements | FORGET, max_size=12))
def test_they_hold_the_same_after_the_same_writes(
    writes: list[Change | HistoryRow | Owed | Judgement | float],
) -> None:
    durable, engine = Durable(), create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        statements.first_start(connection, b"")
        for write in writes:
            if isinstance(write, Change):
                with connection.begin_nested() as savepoint:
                    sql = met(lambda: statements.commit(connection, [write]))  # noqa: B023
                    if sql != "well":
                        savepoint.rollback()
                assert met(lambda: durable.commit(write)) == sql  # noqa: B023
            elif isinstance(write, HistoryRow):
                statements.record(connection, [write])
                durable.record(write)
            elif isinstance(write, Judgement):
                blame.save_incidents(connection, [write])
                durable.judge(write)
            elif isinstance(write, float):
                blame.forget_evidence(connection, [write])
                durable.forget_evidence(write)
            elif write.board in durable.standings:
                statements.settle(connection, [write])
                durable.settle(write)
        expected, held = statements.load(connection), durable.load()
        assert held.standings == expected.standings
        assert set(held.owed) == set(expected.owed)
        assert [n.board for n in held.notices] == [n.board for n in expected.notices]
        assert sorted(held.incidents, key=_by_id) == sorted(
            expected.incidents, key=_by_id
        )
        assert held.last_incident == expected.last_incident
        told = blame.evidence_between(connection, 0, 1.0, 2.0, 5)
        assert [each for _, each in durable.evidence(0, 1.0, 2.0, 5)] == [
            each for _, each in told
        ]
        for board in expected.standings:
            kept = statements.history_of(connection, board, 100, None)
            assert [without_id(row) for row in reversed(durable.history(board))] == [
                without_id(row) for row in kept
            ]
    engine.dispose()


def _by_id(incident: Incident) -> int:
    return incident.id


def without_id(row: HistoryRow) -> tuple[object, ...]:
    """Ids are given in the same order, not the same ones."""
    return row.event, row.outcome, row.at, row.last, row.count, row.reason
