"""What a store promises of alerts: each stands in one place at any time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from lifeguard.model import Alert, Message, Notice, Queue, SavedChannel
from lifeguard.store import SqlStore, StoreError
from lifeguard.store.alerts import channel
from lifeguard.store.database import Database
from lifeguard.store.migrate import migrate
from lifeguard.store.statements import untold
from tests.alerts_rig import Inline, notice
from tests.clocks import PromptClock
from tests.postgres import KINDS, fresh_url
from tests.rig import EPOCH, result_of

NEWS = notice("few", "lab-1", "few-ready")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    clock = PromptClock()
    store = SqlStore(
        url,
        clock=clock,
        service_seconds=lambda: 100.0,
        threads=Inline(),
        replaced=lambda reason: None,
    )
    result_of(store.open())
    yield store
    result_of(store.close())


def alerts(channel: str, *notices: Notice) -> list[Alert]:
    return [Alert(channel, each) for each in notices]


def message(key: str = "k1", channel: str = "ops", **fields: object) -> Message:
    begun = Message(
        key=key,
        channel=channel,
        made=EPOCH,
        notices=(notice("1"),),
        counts={"given-up": 1},
    )
    return replace(begun, **fields)


def has(store: SqlStore, channel: str, most: int = 10) -> SavedChannel:
    found: SavedChannel = result_of(store.channel(channel, most))
    return found


def texts(queue: Queue) -> list[str]:
    return [each.text for each in queue.notices]


def test_what_was_told_waits_for_its_channels_in_the_same_commit(
    store: SqlStore,
) -> None:
    result_of(store.turn_few_ready(True, NEWS))
    [untold] = result_of(store.notices())
    assert (untold.kind, untold.text) == ("few-ready", "few")
    result_of(store.told([untold], [*alerts("a", untold), *alerts("b", untold)]))
    assert result_of(store.notices()) == []
    assert has(store, "a").queue.notices == (replace(NEWS, id=1),)
    assert has(store, "b").queue.notices == (replace(NEWS, id=2),)


def test_a_queue_has_its_first_alerts_and_counts_all(store: SqlStore) -> None:
    told = [notice(str(n)) for n in range(5)] + [notice("5", kind="incident-closed")]
    result_of(store.told([], [*alerts("b", notice("x")), *alerts("ops", *told)]))
    queue = has(store, "ops", most=2).queue
    assert (texts(queue), queue.through) == (["0", "1"], 7)
    assert queue.counts == {"given-up": 5, "incident-closed": 1}
    assert has(store, "nobody") == SavedChannel()


def test_a_message_stands_instead_of_its_alerts_and_of_no_others(
    store: SqlStore,
) -> None:
    waiting = [*alerts("ops", notice("1")), *alerts("b", notice("x"))]
    result_of(store.told([], waiting))
    through = has(store, "ops").queue.through
    result_of(store.told([], alerts("ops", notice("2"))))
    result_of(store.begin_message(message(), through))
    assert has(store, "ops").message == message()
    assert texts(has(store, "ops").queue) == ["2"]
    assert texts(has(store, "b").queue) == ["x"]


def test_what_became_of_messages_is_kept(store: SqlStore) -> None:
    later = EPOCH + timedelta(minutes=1)
    for key in ("k1", "k2", "k3", "k4"):
        result_of(store.begin_message(message(key), 0))
    ends = [
        message("k1", outcome="sent", ended=EPOCH),
        message("k2", outcome="sent", ended=later),
        message("k3", outcome="failed", ended=later, error="no", tries=5, refusals=5),
        message("k4", tries=1, due=70.5, error="down"),
    ]
    for each in ends * 2:
        result_of(store.save_message(each))
    assert has(store, "ops") == SavedChannel(
        message=ends[3], last_sent=later, failed=1, last_failed=ends[2]
    )


def test_few_ready_is_kept_once_and_turns_back(store: SqlStore) -> None:
    for is_few in (False, True, True, False, False):
        result_of(store.turn_few_ready(is_few, replace(NEWS, text=str(is_few))))
    assert [each.text for each in result_of(store.notices())] == ["True", "False"]


def test_the_next_start_knows_whether_too_few_are_ready(url: str) -> None:
    seen = []
    for is_few in (True, False):
        clock = PromptClock()
        store = SqlStore(
            url,
            clock=clock,
            service_seconds=lambda: 100.0,
            threads=Inline(),
            replaced=lambda reason: None,
        )
        seen.append(result_of(store.open()).few_ready)
        result_of(store.turn_few_ready(is_few, NEWS))
        result_of(store.close())
    assert seen == [False, True]


def test_a_message_that_somebody_else_wrote_in_is_one_line(
    store: SqlStore, url: str
) -> None:
    result_of(store.begin_message(message(), 0))
    result_of(store.close())
    database = Database(url)
    database.run(lambda c: c.execute(text("UPDATE alert_messages SET counts = '?'")))
    with pytest.raises(StoreError, match="alert message k1, counts: JSON is malformed"):
        database.read(lambda connection: channel(connection, "ops", 1))
    database.close()


def test_what_is_old_is_forgotten(store: SqlStore, url: str) -> None:
    old = EPOCH - timedelta(days=9)
    result_of(store.told([], alerts("gone", replace(notice("1"), at=old))))
    result_of(store.told([], alerts("ops", notice("2"))))
    result_of(store.begin_message(message("old", made=old), 0))
    result_of(store.begin_message(message("new"), 0))
    result_of(store.forget_history(EPOCH - timedelta(days=1), 0, 10))
    assert has(store, "gone").queue.through == 0
    found = has(store, "ops")
    assert (found.message, texts(found.queue)) == (message("new"), ["2"])


def test_what_was_told_before_there_were_kinds_is_of_boards(url: str) -> None:
    database = Database(url)
    database.run(migrate)
    old = "INSERT INTO notices (at, board, text) VALUES ('2026-01-01 00:00', 'b', 't')"
    database.run(lambda connection: connection.execute(text(old)) and None)
    [found] = database.run(untold)
    assert found.kind == "given-up"
    database.close()
