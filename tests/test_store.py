"""What a store promises: guards, order, groups, and what a failure leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, Pool, create_engine, event, select, text
from twisted.internet.defer import CancelledError, Deferred, execute
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lifeguard.model import (
    Change,
    HistoryRow,
    Notice,
    Outlet,
    Owed,
    RelayBoardChange,
    Saved,
    SeenBoot,
    Standing,
)
from lifeguard.store import SqlStore, StoreError, StoreUnavailable, statements
from lifeguard.store.calls import LIMIT_SECONDS
from lifeguard.store.database import Database
from lifeguard.store.schema import history
from lifeguard.store.store import OPEN_SECONDS
from lifeguard.store.writer import GROUP, TRIAL_SECONDS
from tests.clocks import PromptClock
from tests.postgres import KINDS, fresh_url

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTLET = Outlet("rack1", "1/1")


class Inline:
    """Threads that run in the test's own; while `held`, only when told."""

    def __init__(self) -> None:
        self.held = False
        self.loses_answer = False
        self.events: list[str] = []
        self._waiting: list[Callable[[], None]] = []

    def write(self, function: Callable[[], Any]) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self._waiting.append(lambda: self._run(function, answer))
        if not self.held:
            self.release()
        return answer

    def read(self, function: Callable[[], Any]) -> Deferred[Any]:
        self.events.append("read")
        return execute(function)

    def close(self) -> Deferred[None]:
        return execute(self.events.append, "close")

    def release(self) -> None:
        """Run everything held, and what that brings about."""
        while self._waiting:
            self._waiting.pop(0)()

    def _run(self, function: Callable[[], Any], answer: Deferred[Any]) -> None:
        self.events.append("write")
        done = execute(function)
        if self.loses_answer:
            self.loses_answer = False
            done.addCallback(lambda _: Failure(StoreUnavailable("the line is dead")))
        done.chainDeferred(answer)


class Rig(NamedTuple):
    store: SqlStore
    threads: Inline
    engine: Engine
    clock: PromptClock
    service_seconds: list[float]
    replaced: list[str]

    def history(self) -> list[str]:
        """Every row in the order of the ids."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(history).order_by(history.c.id)).all()
        return [f"{row.board} {row.event} x{row.count}" for row in rows]

    def close(self) -> None:
        self.threads.held, self.clock.skips_turns = False, True
        result(self.store.close())
        self.engine.dispose()


def rig(url: str) -> Rig:
    """The store is open; `engine` looks into its database from outside."""
    clock, threads, service_seconds = PromptClock(), Inline(), [100.0]
    replaced: list[str] = []
    store = SqlStore(
        url,
        clock=clock,
        service_seconds=lambda: service_seconds[0],
        threads=threads,
        replaced=replaced.append,
    )
    result(store.open())
    threads.events.clear()
    return Rig(store, threads, create_engine(url), clock, service_seconds, replaced)


def unopened(url: str, clock: Clock, threads: Inline) -> SqlStore:
    """A store whose `open` will wait for the thread."""
    threads.held = True
    return SqlStore(
        url,
        clock=clock,
        service_seconds=float,
        threads=threads,
        replaced=list[str]().append,
    )


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def opened(url: str) -> Iterator[Rig]:
    parts = rig(url)
    yield parts
    parts.close()


def reloaded(url: str) -> Saved:
    """What lifeguard would resume from, were it started now."""
    engine = create_engine(url)
    with engine.connect() as connection:
        saved = statements.load(connection)
    engine.dispose()
    return saved


def result(deferred: Deferred[Any]) -> Any:
    """What it has fired with; its failure is raised."""
    met: list[Any] = []
    deferred.addBoth(met.append)
    assert met, "has not fired"
    if isinstance(met[0], Failure):
        met[0].raiseException()
    return met[0]


def outcome(deferred: Deferred[Any]) -> str:
    try:
        result(deferred)
    except StoreError as error:
        return type(error).__name__
    return "saved"


def change(board: str = "b1", version: int = 1, **after: Any) -> Change:
    standing = Standing(
        board=board, state="Ready", since=NOON, version=version, **after
    )
    return Change(after=standing, row=line(board, event=f"to-{version}"))


def line(board: str = "b1", **fields: Any) -> HistoryRow:
    stale = HistoryRow(
        at=NOON,
        board=board,
        event="image-running",
        source="board",
        outcome="stale",
        from_state="Ready",
        to_state="Ready",
        generation=1,
    )
    return replace(stale, **fields)


def owed(generation: int) -> Owed:
    return Owed(OUTLET, "b1", generation)


def owing(generation: int, version: int = 1) -> Change:
    return replace(change(version=version), owed=(owed(generation),))


@contextmanager
def broken(engine: Engine, table: str = "history") -> Iterator[None]:
    """A table is gone for a while, so that the database refuses to write."""
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO elsewhere"))
    yield
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE elsewhere RENAME TO {table}"))


# What netboot saw


def test_how_far_a_boot_came_is_loaded_for_its_present_generation(
    opened: Rig, url: str
) -> None:
    result(opened.store.commit(change("b1", generation=2)))
    result(opened.store.commit(change("b2", generation=1)))
    for minute, (board, seen, generation, outcome) in enumerate(
        [
            ("b1", "kernel-begun", 1, "noted"),
            ("b1", "boot-config-fetched", 2, "noted"),
            ("b1", "kernel-begun", 2, "noted"),
            ("b1", "boot-config-fetched", 2, "noted"),
            ("b1", "kernel-fetched", 2, "stale"),
            ("b3", "boot-config-fetched", 1, "noted"),
        ]
    ):
        row = line(
            board,
            at=NOON + timedelta(minutes=minute),
            event=seen,
            source="netboot",
            outcome=outcome,
            generation=generation,
            reason="debian" if outcome == "noted" else "a state that has been left",
        )
        result(opened.store.record(row))
    steps = {"boot-config-fetched": 3, "kernel-begun": 2, "kernel-fetched": 4}
    times = {event: NOON + timedelta(minutes=at) for event, at in steps.items()}
    assert reloaded(url).boots == {"b1": SeenBoot("debian", times)}


def test_what_netboot_saw_is_found_without_a_look_at_the_rest(
    opened: Rig, url: str
) -> None:
    """Ten thousand boards have millions of rows; a start reads a few of each."""
    if not url.startswith("sqlite"):
        return  # PostgreSQL plans by what it has counted
    with opened.engine.connect() as connection:
        query = statements._boots.compile(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    search = "SEARCH history USING INDEX history_of_boot (board=? AND generation=?)"
    assert search in str(plan)


# Changes


def test_a_change_is_saved_whole(opened: Rig, url: str) -> None:
    notice = Notice(at=NOON, board="b1", text="b1 failed")
    whole = replace(owing(7), notices=(notice,))
    result(opened.store.commit(whole))
    saved = reloaded(url)
    assert saved.standings == {"b1": whole.after}
    assert saved.owed == (owed(7),)
    assert [replace(told, id=0) for told in saved.notices] == [notice]
    assert result(opened.store.history("b1")) == [replace(whole.row, id=1)]


def test_a_change_made_for_another_version_leaves_nothing(
    opened: Rig, url: str
) -> None:
    asked = [change(), owing(5, version=3), owing(5, version=1), change(version=2)]
    assert [outcome(opened.store.commit(each)) for each in asked] == [
        "saved",
        "Superseded",
        "Superseded",
        "saved",
    ]
    saved = reloaded(url)
    assert (saved.standings["b1"].version, saved.owed) == (2, ())
    assert opened.history() == ["b1 to-1 x1", "b1 to-2 x1"]


def test_a_later_change_of_a_board_without_a_row_is_superseded(opened: Rig) -> None:
    assert outcome(opened.store.commit(change(version=2))) == "Superseded"
    assert result(opened.store.standing("b1")) is None


def test_a_commit_whose_answer_was_lost_is_found_by_its_version(opened: Rig) -> None:
    store, threads = opened.store, opened.threads
    threads.loses_answer = True
    assert outcome(store.commit(change())) == "StoreUnavailable"
    opened.clock.advance(TRIAL_SECONDS)
    assert result(store.standing("b1")).version == 1
    assert outcome(store.commit(change())) == "Superseded"


def test_a_commit_that_failed_is_not_there_and_can_be_repeated(opened: Rig) -> None:
    with broken(opened.engine):
        assert outcome(opened.store.commit(change())) == "StoreUnavailable"
    opened.clock.advance(TRIAL_SECONDS)
    assert result(opened.store.standing("b1")) is None
    assert outcome(opened.store.commit(change())) == "saved"
    assert opened.history() == ["b1 to-1 x1"]


# Groups


def test_what_is_asked_while_a_transaction_runs_shares_the_next(opened: Rig) -> None:
    store, threads = opened.store, opened.threads
    threads.held = True
    asked = [store.commit(change(f"b{number}")) for number in range(6)]
    answered = "".join("x" if each.called else "-" for each in asked)
    threads.release()
    assert answered == "------"
    assert [outcome(each) for each in asked] == ["saved"] * 6
    assert threads.events == ["write", "write"]
    assert opened.history() == [f"b{number} to-1 x1" for number in range(6)]


def test_what_those_answered_ask_next_makes_one_group(opened: Rig) -> None:
    store, threads = opened.store, opened.threads
    threads.held = True
    store.save_time()
    for board in ("b1", "b2", "b3"):
        first = store.commit(change(board))
        first.addCallback(lambda _, board=board: store.commit(change(board, 2)))
    threads.release()
    assert threads.events == ["write"] * 3  # the time, all first, all second
    assert opened.history()[3:] == ["b1 to-2 x1", "b2 to-2 x1", "b3 to-2 x1"]


def test_a_group_has_a_bound(opened: Rig) -> None:
    opened.threads.held = True
    asked = [opened.store.settle(owed(1)) for _ in range(GROUP + 2)]
    opened.threads.release()
    assert {outcome(each) for each in asked} == {"saved"}
    assert opened.threads.events == ["write"] * 3  # 1, GROUP, 1


def test_in_a_group_only_the_guilty_fail(opened: Rig, url: str) -> None:
    opened.threads.held = True
    steps = [
        change("b1"),
        change("b2", version=9),
        line("b1"),
        change("b1", version=1),
        change("b3", boot_config={"motto": "half a letter: \ud800"}),
        change("b1", version=2),
    ]
    asked = [opened.store.save_time(), *(ask(opened.store, step) for step in steps)]
    opened.threads.release()
    assert [outcome(each) for each in asked] == [
        "saved",
        "saved",
        "Superseded",
        "saved",
        "Superseded",
        "StoreError",
        "saved",
    ]
    assert opened.threads.events == ["write", "write"]
    assert opened.history() == ["b1 to-1 x1", "b1 image-running x1", "b1 to-2 x1"]
    assert list(reloaded(url).standings) == ["b1"]


def test_a_group_that_fails_fails_all_and_the_next_is_saved(opened: Rig) -> None:
    store = opened.store
    opened.clock.skips_turns = False
    asked = [store.commit(change("b1")), store.settle(owed(1))]
    with broken(opened.engine):
        opened.clock.advance(0)
    opened.clock.advance(TRIAL_SECONDS)
    asked.append(store.commit(change("b1")))
    opened.clock.advance(0)
    assert [outcome(each) for each in asked] == [
        "StoreUnavailable",
        "StoreUnavailable",
        "saved",
    ]


def ask(store: SqlStore, step: Any) -> Deferred[None]:
    table: dict[type, Callable[[Any], Deferred[None]]] = {
        Change: store.commit,
        Owed: store.settle,
        HistoryRow: store.record,
        Notice: store.told,
    }
    return table[type(step)](step)


STEPS = st.lists(
    st.one_of(
        st.builds(change, st.sampled_from(["b1", "b2"]), st.integers(1, 3)),
        st.builds(owing, st.integers(1, 3), st.integers(1, 3)),
        st.builds(owed, st.integers(1, 3)),
        st.builds(line, generation=st.integers(1, 2)),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(KINDS), steps=STEPS)
def test_a_group_does_what_its_members_would_do_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, kind: str, steps: list[Any]
) -> None:
    def lived(url: str, held: bool) -> object:
        parts = rig(url)
        parts.threads.held = held
        asked = [parts.store.save_time(), *(ask(parts.store, step) for step in steps)]
        parts.threads.release()
        outcomes, rows = [outcome(each) for each in asked], parts.history()
        parts.close()
        saved = reloaded(url)
        return outcomes, rows, saved.standings, saved.owed

    directory = tmp_path_factory.getbasetemp()
    with fresh_url(kind, directory) as grouped, fresh_url(kind, directory) as alone:
        assert lived(grouped, held=True) == lived(alone, held=False)


# Owed outlets, history, notices, time


def test_a_mark_goes_only_for_its_own_generation_or_an_older(
    opened: Rig, url: str
) -> None:
    store = opened.store
    marks = []
    steps = (owing(3), owed(2), owing(2, version=2), owing(4, version=3), owed(3))
    for step in (*steps, owed(4), owed(4)):
        result(ask(store, step))
        marks.append([mark.generation for mark in reloaded(url).owed])
    assert marks == [[3], [3], [3], [4], [4], [], []]


def test_an_outlet_that_moves_to_another_board_is_owed_to_that_one(
    opened: Rig, url: str
) -> None:
    old, new = Owed(OUTLET, "b1", 50), Owed(OUTLET, "b2", 1)
    marks = []
    for step in (
        replace(change("b1"), owed=(old,)),
        replace(change("b2"), owed=(new,)),
        old,
        new,
    ):
        result(ask(opened.store, step))
        marks.append(reloaded(url).owed)
    assert marks == [(old,), (new,), (new,), ()]


def test_a_board_that_is_to_be_off_takes_over_the_mark_whoever_had_it(
    opened: Rig, url: str
) -> None:
    elsewhere = Outlet("rack1", "2/8")
    owing_both = (owed(3), Owed(elsewhere, "b1", 3))
    result(ask(opened.store, replace(change("b1"), owed=owing_both)))
    result(ask(opened.store, replace(change("b2"), owed=(Owed(OUTLET, "b2", 1),))))
    result(opened.store.settle(owed(3)))
    kept = (Owed(OUTLET, "b2", 1), Owed(elsewhere, "b1", 3))
    assert set(reloaded(url).owed) == set(kept)


def test_a_repeated_row_is_counted_between_first_and_last(opened: Rig) -> None:
    store, later = opened.store, NOON + timedelta(minutes=5)
    for row in (line(), line(source="other"), line(at=later), line("b2")):
        result(store.record(row))
    assert result(store.history("b1")) == [
        line(source="other", id=2),
        line(count=2, last=later, id=1),
    ]


def test_repeats_for_different_reasons_are_one_row_with_the_newest(
    opened: Rig,
) -> None:
    store = opened.store
    for reason in ("no such event: a", "no such event: b"):
        result(store.record(line(reason=reason)))
    [row] = result(store.history("b1"))
    assert (row.count, row.reason) == (2, "no such event: b")


def test_only_the_newest_rows_of_its_board_take_a_repeat(opened: Rig) -> None:
    store = opened.store
    result(store.record(line()))
    for number in range(19):
        result(store.record(line(event=f"other-{number}")))
        result(store.record(line("b2", event=f"other-{number}")))
    result(store.record(line()))
    result(store.record(line(event="other-19")))
    result(store.record(line()))
    assert [row.count for row in result(store.history("b1"))] == [1] * 21 + [2]


def test_history_is_newest_first_and_paged_by_id(opened: Rig) -> None:
    store = opened.store
    for version in range(1, 6):
        result(store.commit(change(version=version)))
    newest = result(store.history("b1", limit=2))
    older = result(store.history("b1", limit=2, before=newest[-1].id))
    assert [row.event for row in newest + older] == ["to-5", "to-4", "to-3", "to-2"]


def test_a_notice_is_told_once_and_its_id_is_not_given_again(opened: Rig) -> None:
    store = opened.store
    for version, words in ((1, "first"), (2, "second")):
        notice = Notice(at=NOON, board="b1", text=words)
        result(store.commit(replace(change(version=version), notices=(notice,))))
        [untold] = result(store.notices())
        assert untold.text == words
        result(store.told([untold], []))
        result(store.told([untold], []))
    assert (untold.id, result(store.notices())) == (2, [])


def test_every_write_saves_the_service_seconds_and_none_lowers_them(
    opened: Rig, url: str
) -> None:
    store, service_seconds = opened.store, opened.service_seconds
    seen = []
    for now, write in (
        (200.0, store.save_time),
        (150.0, store.save_time),
        (300.0, lambda: store.commit(change())),
        (400.0, lambda: store.record(line())),
    ):
        service_seconds[0] = now
        result(write())
        seen.append(reloaded(url).service_seconds)
    assert seen == [200.0, 200.0, 300.0, 400.0]


# Another daemon


def take_over(parts: Rig) -> None:
    """As another daemon does that comes and goes while this one is away."""
    with parts.engine.begin() as connection:
        statements.take_over(connection, "another")


def test_who_was_replaced_writes_nothing_and_says_so_once(
    opened: Rig, url: str
) -> None:
    store = opened.store
    take_over(opened)
    asked = [store.commit(change()), store.commit(change()), store.save_time()]
    opened.clock.pump([TRIAL_SECONDS] * 3)
    assert [outcome(each) for each in asked] == ["Replaced"] * 3
    assert opened.threads.events == ["write"]
    [reason] = opened.replaced
    assert re.fullmatch("database .*: another lifeguard has taken over", reason)
    assert (opened.history(), reloaded(url).service_seconds) == ([], 0.0)


def test_who_was_replaced_while_the_store_was_away_stays_away(opened: Rig) -> None:
    with broken(opened.engine):
        assert outcome(opened.store.commit(change())) == "StoreUnavailable"
    take_over(opened)
    opened.clock.pump([TRIAL_SECONDS] * 3)
    assert outcome(opened.store.commit(change())) == "Replaced"
    assert len(opened.replaced) == 1
    assert opened.clock.getDelayedCalls() == []


def test_who_was_replaced_forgets_no_history(opened: Rig) -> None:
    take_over(opened)
    assert outcome(opened.store.forget_history(NOON, 0, 500)) == "Replaced"


def test_who_was_replaced_leaves_the_database_to_others(opened: Rig, url: str) -> None:
    take_over(opened)
    assert outcome(opened.store.save_time()) == "Replaced"
    parts = rig(url)
    assert outcome(parts.store.commit(change())) == "saved"
    parts.close()


def test_the_next_start_replaces_the_one_before(url: str) -> None:
    first = rig(url)
    first.store._database.close()  # as when its session ended
    second = rig(url)
    second.store._database.close()
    assert outcome(first.store.commit(change())) == "Replaced"
    assert outcome(second.store.commit(change())) == "saved"
    first.close()
    second.close()


# The end


def test_close_writes_what_waits_and_then_takes_nothing(url: str) -> None:
    parts = rig(url)
    store, threads = parts.store, parts.threads
    threads.held = True
    asked = [store.commit(change("b1")), store.commit(change("b2"))]
    closed = store.close()
    refused = [store.commit(change("b3")), store.standing("b1"), store.notices()]
    threads.release()
    assert [outcome(each) for each in asked] == ["saved"] * 2
    assert [outcome(each) for each in refused] == ["StoreUnavailable"] * 3
    assert result(closed) is None
    assert threads.events == ["write", "write", "write", "close"]
    assert list(reloaded(url).standings) == ["b1", "b2"]
    parts.engine.dispose()


def test_a_store_closed_before_it_was_open_stays_closed(url: str) -> None:
    threads = Inline()
    store = unopened(url, Clock(), threads)
    opening, closing = store.open(), store.close()
    threads.release()
    assert [outcome(opening), result(closing)] == ["StoreUnavailable", None]
    assert outcome(store.commit(change())) == "StoreUnavailable"


def test_a_store_that_cannot_write_closes_all_the_same(url: str) -> None:
    parts = rig(url)
    with broken(parts.engine, "daemon"):
        result(parts.store.close())
    assert parts.threads.events == ["write", "write", "close"]
    parts.engine.dispose()


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each cut of any database."""
    cuts: list[str] = []
    monkeypatch.setattr(Database, "cut", lambda database: cuts.append("cut"))
    return cuts


def test_a_start_that_hangs_is_cut_and_given_up(cuts: list[str], url: str) -> None:
    clock, threads = Clock(), Inline()
    store = unopened(url, clock, threads)
    opening = store.open()
    clock.advance(OPEN_SECONDS)
    assert (outcome(opening), cuts) == ("StoreUnavailable", ["cut"])
    closing = store.close()
    threads.release()
    assert result(closing) is None
    assert clock.getDelayedCalls() == []


def test_a_stop_during_a_start_that_hangs_cuts_it_until_it_ends(
    cuts: list[str], url: str
) -> None:
    clock, threads = Clock(), Inline()
    store = unopened(url, clock, threads)
    opening = store.open()
    opening.addErrback(lambda failure: failure.trap(CancelledError) and None)
    opening.cancel()
    closing = store.close()
    clock.pump([LIMIT_SECONDS] * 2)
    assert cuts == ["cut"] * 3
    threads.release()
    assert result(closing) is None
    assert clock.getDelayedCalls() == []


def test_a_close_cuts_what_hangs_until_the_threads_have_ended(
    cuts: list[str], url: str
) -> None:
    parts, ending = rig(url), Deferred[None]()
    parts.threads.close = lambda: ending  # type: ignore[method-assign]
    parts.threads.held = True
    closed: list[None] = []
    parts.store.close().addCallback(closed.append)
    parts.clock.advance(LIMIT_SECONDS)
    assert cuts == ["cut"] * 2  # what was to be written last, and then everything
    parts.clock.advance(LIMIT_SECONDS)
    assert cuts == ["cut"] * 4
    parts.threads.release()
    parts.clock.advance(LIMIT_SECONDS)
    assert (cuts, closed) == (["cut"] * 5, [])
    ending.callback(None)
    assert closed == [None]
    assert parts.clock.getDelayedCalls() == []
    parts.engine.dispose()


def test_a_disk_with_room_for_little_is_still_full(tmp_path: Path) -> None:
    parts = rig(f"sqlite:///{tmp_path}/lifeguard.sqlite")
    with broken(parts.engine):
        assert outcome(parts.store.commit(change())) == "StoreUnavailable"
    parts.store._database.run(allow(pages=200))
    parts.clock.pump([TRIAL_SECONDS])
    with pytest.raises(StoreUnavailable, match="disk is full"):
        result(parts.store.commit(change()))
    parts.store._database.run(allow(pages=400))
    parts.clock.advance(TRIAL_SECONDS)
    assert outcome(parts.store.commit(change())) == "saved"
    parts.close()


def allow(pages: int) -> Callable[[Connection], None]:
    """Work that lets SQLite's disk have room for so many pages."""

    def work(connection: Connection) -> None:
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    return work


def test_what_a_database_refuses_is_said_in_one_line(opened: Rig) -> None:
    refused = opened.store.commit(change(generation=2**80))
    with pytest.raises(StoreError, match=r"^cannot be stored: .*$") as raised:
        result(refused)
    assert "[SQL" not in str(raised.value)


def test_a_full_disk_fails_a_write_and_spares_what_was_saved(tmp_path: Path) -> None:
    def small_disk(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 400")

    event.listen(Pool, "connect", small_disk)
    parts = rig(f"sqlite:///{tmp_path}/lifeguard.sqlite")
    event.remove(Pool, "connect", small_disk)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        result(parts.store.commit(change(boot_config={"big": "x" * 2_000_000})))
    parts.clock.advance(TRIAL_SECONDS)
    assert outcome(parts.store.commit(change())) == "saved"
    parts.close()


def test_what_becomes_of_relay_boards_is_kept(opened: Rig) -> None:
    def became(state: str, relay_board: str = "rack1") -> RelayBoardChange:
        return RelayBoardChange(
            at=NOON, relay_board=relay_board, state=state, why="no answer"
        )

    for each in (became("Suspect"), became("Broken", "rack2"), became("Broken")):
        result(opened.store.relay_board_changed(each))
    found = result(opened.store.relay_board_history("rack1"))
    assert [(row.id, row.state, row.at) for row in found] == [
        (3, "Broken", NOON),
        (1, "Suspect", NOON),
    ]
    assert result(opened.store.relay_board_history("rack1", before=3)) == found[1:]
