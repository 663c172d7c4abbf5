"""What waits for a channel is told, once, whatever happens on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from lifeguard.alerts.channel import ChannelStatus
from lifeguard.alerts.delivery import (
    LAST_SECONDS,
    LONGEST_WISH,
    REFUSALS,
    TRIES,
    NotDelivered,
    not_sent,
    pause,
)
from lifeguard.alerts.message import MOST, compose, lines, title
from lifeguard.alerts.wishes import Wishes
from lifeguard.config.alerts import AlertChannel
from lifeguard.model import Message, Notice, Queue
from lifeguard.store import StoreUnavailable
from tests.alerts_rig import SETTINGS, FakeSender, life, notice, sqlite
from tests.rig import EPOCH, result_of

MESSAGE = Message(key="k", channel="ops", made=EPOCH, notices=(), counts={})
DOWN = NotDelivered("cannot connect: ConnectionRefusedError")
NO = NotDelivered("answered 404 Not Found", refused=True)


def queue(*notices: Notice) -> Queue:
    counts: dict[str, int] = {}
    for each in notices:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return Queue(notices, counts, len(notices))


# Who wants what.


def wanted(channel: AlertChannel, *notices: Notice) -> list[str]:
    wishes = Wishes({"ops": channel}, {"panda-01", "bone-01"}.__contains__)
    return [alert.notice.text for alert in wishes.alerts(notices)]


def test_a_channel_hears_of_the_kinds_that_it_names() -> None:
    channel = AlertChannel(kind="webhook", on=("given-up", "few-ready"))
    told = [
        notice("1"),
        notice("2", kind="incident-opened"),
        notice("3", kind="few-ready"),
    ]
    assert wanted(channel, *told) == ["1", "3"]


def test_patterns_choose_among_boards_and_leave_all_else() -> None:
    channel = AlertChannel(kind="webhook", boards=("bone-*", "x"))
    told = [
        notice("1", "panda-01"),
        notice("2", "bone-01"),
        notice("3", "rack1", kind="relay-board-broken"),
    ]
    assert wanted(channel, *told) == ["2", "3"]


def test_a_notice_waits_once_for_each_channel_that_wants_it() -> None:
    everything = AlertChannel(kind="webhook")
    wishes = Wishes({"a": everything, "b": everything}, lambda name: False)
    alerts = wishes.alerts([notice("1"), notice("2")])
    assert [(each.channel, each.notice.text) for each in alerts] == [
        ("a", "1"),
        ("b", "1"),
        ("a", "2"),
        ("b", "2"),
    ]


# What a message says.


def test_one_alert_is_its_own_title() -> None:
    message = compose("ops", queue(notice("Ready -- x --> Failed")), "k", EPOCH)
    assert title(message, "lab-1") == "lab-1: panda-01: Ready -- x --> Failed"


def test_many_alerts_are_counted_by_kind() -> None:
    told = [notice(), notice(), notice(kind="incident-closed")]
    message = compose("ops", queue(*told, notice(kind="few-ready")), "k", EPOCH)
    assert title(message, "lab-1") == (
        "lab-1: 2 boards given up, 1 incident closed, too few boards are Ready"
    )


def test_what_is_left_out_is_counted() -> None:
    told = [notice(str(number)) for number in range(MOST + 37)]
    message = compose("ops", queue(*told), "k", EPOCH)
    said = lines(message)
    assert said[0] == "2026-01-01 00:00:00 UTC  panda-01: 0"
    assert (len(said), said[-1]) == (MOST + 1, "and 37 more")
    assert lines(message, 2)[-1] == f"and {MOST + 35} more"


@given(st.text())
def test_an_alert_is_one_line_whatever_it_quotes(text: str) -> None:
    message = compose("ops", queue(notice(text)), "k", EPOCH)
    assert [line.isprintable() for line in lines(message)] == [True]
    assert title(message, "lab-1").isprintable()


# When it is tried again.


def test_pauses_are_doubled_up_to_the_longest() -> None:
    assert [pause(tries) for tries in range(1, 9)] == [
        *(10, 20, 40, 80, 160, 320),
        *(LAST_SECONDS, LAST_SECONDS),
    ]


def test_who_asks_for_patience_gets_it_but_not_for_ever() -> None:
    asked = NotDelivered("answered 429", retry_after=3600)
    assert not_sent(MESSAGE, asked, 100.0, EPOCH).due == 3700
    greedy = NotDelivered("answered 429", retry_after=1e9)
    assert not_sent(MESSAGE, greedy, 0.0, EPOCH).due == LONGEST_WISH
    hasty = NotDelivered("answered 429", retry_after=1)
    assert not_sent(MESSAGE, hasty, 0.0, EPOCH).due == 10


@given(st.lists(st.booleans(), min_size=REFUSALS, max_size=2 * TRIES))
def test_it_is_given_up_after_some_refusals_or_many_tries(refused: list[bool]) -> None:
    message, tries = MESSAGE, 0
    for each in refused:
        message = not_sent(message, NO if each else DOWN, 0.0, EPOCH)
        tries += 1
        if message.outcome == "failed":
            break
    given_up = sum(refused[:tries]) == REFUSALS or tries == TRIES
    assert (message.outcome == "failed", message.tries) == (given_up, tries)


# A channel at work.


def test_what_comes_together_is_one_message(tmp_path: Path) -> None:
    with life(sqlite(tmp_path)) as parts:
        parts.wants(notice("1"))
        parts.turn(9)
        parts.wants(notice("2"))
        assert parts.told() == []
        parts.turn(1)
        assert parts.told() == [["1", "2"]]


def test_between_two_messages_lies_a_pause(tmp_path: Path) -> None:
    with life(sqlite(tmp_path)) as parts:
        parts.wants(notice("1"))
        parts.turn(10)
        parts.wants(notice("2"))
        parts.turn(59)
        parts.wants(notice("3"))
        assert parts.told() == [["1"]]
        parts.turn(1)
        assert parts.told() == [["1"], ["2", "3"]]
        parts.turn(1000)
        parts.wants(notice("4"))
        parts.turn(10)
        assert parts.told() == [["1"], ["2", "3"], ["4"]]
        assert parts.clock.getDelayedCalls() == []


def test_a_thousand_boards_given_up_at_once_are_one_message(tmp_path: Path) -> None:
    with life(sqlite(tmp_path)) as parts:
        boards = [f"board-{number:04d}" for number in range(1000)]
        parts.wants(*(notice("gone", board) for board in boards))
        assert parts.channel.status.waiting == 1000
        parts.turn(10)
        [message] = parts.sender.taken
        assert title(message, "lab-1") == "lab-1: 1000 boards given up"
        assert lines(message)[-1] == "and 900 more"
        parts.turn(3600)
        assert (len(parts.sender.taken), parts.channel.status.waiting) == (1, 0)


def test_a_receiver_that_is_down_for_an_hour_hears_all_of_it(tmp_path: Path) -> None:
    with life(sqlite(tmp_path), FakeSender(is_down=True)) as parts:
        parts.wants(notice("1"))
        for minute in range(60):
            parts.turn(60)
            if minute == 30:
                parts.wants(notice("2"), notice("3"))
        assert parts.channel.status.works is False
        assert parts.channel.status.waiting == 3
        assert len(parts.sender.tried) == 11  # not one a second
        parts.sender.is_down = False
        for _ in range(12):
            parts.turn(60)
        assert parts.told() == [["1"], ["2", "3"]]
        assert parts.channel.status.works is True


def test_a_message_that_is_refused_is_given_up_and_the_next_goes_on(
    tmp_path: Path,
) -> None:
    said: list[str] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] in (LogLevel.warn, LogLevel.error):
            said.append(formatEvent(event))

    with life(sqlite(tmp_path), FakeSender(errors=[NO] * REFUSALS)) as parts:
        globalLogPublisher.addObserver(observe)
        parts.wants(notice("1"))
        for _ in range(60):
            parts.turn(10)
        parts.wants(notice("2"))
        parts.turn(60)
        globalLogPublisher.removeObserver(observe)
        assert parts.told() == [["2"]]
        status = parts.channel.status
        assert (status.failed, status.last_error) == (1, str(NO))
        assert parts.channel.tally.failed == 1
        assert said == [
            "alerts: ops: answered 404 Not Found",
            "alerts: ops: 1 alert given up after 5 tries: answered 404 Not Found",
        ]


def test_what_another_life_left_of_a_channel_is_known(tmp_path: Path) -> None:
    with life(sqlite(tmp_path), FakeSender(errors=[NO] * REFUSALS)) as parts:
        parts.wants(notice("1"))
        for _ in range(60):
            parts.turn(10)
        gone = parts.channel.status
    with life(sqlite(tmp_path)) as parts:
        kept = parts.channel.status
    assert (kept.failed, kept.last_error) == (1, str(NO))
    assert kept == replace(gone, works=None, last_error_at=kept.last_error_at)


# Crashes.


def test_a_crash_between_commit_and_sending_loses_nothing(tmp_path: Path) -> None:
    with life(sqlite(tmp_path)) as parts:
        parts.wants(notice("1"))  # waits to be gathered
    with life(sqlite(tmp_path), FakeSender(is_down=True)) as parts:
        assert parts.sender.tried == []
        parts.turn(10)  # is a message, and due again
        assert len(parts.sender.tried) == 1
    with life(sqlite(tmp_path)) as parts:
        parts.wants(notice("2"))
        parts.turn(20)
        parts.turn(60)
        assert parts.told() == [["1"], ["2"]]


def test_a_crash_between_sending_and_marking_repeats_once_with_the_same_key(
    tmp_path: Path,
) -> None:
    with life(sqlite(tmp_path), FakeSender(holds=True)) as parts:
        parts.wants(notice("1"))
        parts.turn(10)
        [first] = parts.sender.taken
    with life(sqlite(tmp_path)) as parts:
        parts.wants(notice("2"))
        parts.turn(70)
        assert parts.told() == [["1"], ["2"]]
        assert parts.sender.taken[0] == first
    with life(sqlite(tmp_path)) as parts:
        parts.turn(3600)
        assert parts.told() == []


def test_a_stop_waits_until_what_is_being_sent_is_saved(tmp_path: Path) -> None:
    with life(sqlite(tmp_path), FakeSender(holds=True)) as parts:
        parts.wants(notice("gone"))
        parts.turn(10)
        stopping = parts.channel.stop()
        assert not stopping.called
        parts.sender.answered.callback(None)
        assert result_of(stopping) is None
        assert parts.told() == [["gone"]]
    with life(sqlite(tmp_path)) as parts:
        parts.turn(100)
        assert parts.told() == []


def test_a_stop_waits_for_no_pause_and_begins_nothing(tmp_path: Path) -> None:
    with life(sqlite(tmp_path)) as parts:
        parts.wants(notice("gathered"))
        assert result_of(parts.channel.stop()) is None
        parts.turn(100)
        assert parts.sender.tried == []
    with life(sqlite(tmp_path), FakeSender(is_down=True)) as parts:
        parts.turn(10)
        assert result_of(parts.channel.stop()) is None
        parts.turn(1000)
        assert parts.sender.tried == [10]


def test_a_stop_does_not_wait_for_a_store_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with life(sqlite(tmp_path), FakeSender(holds=True)) as parts:
        parts.wants(notice("gone"))
        parts.turn(10)
        away = fail(StoreUnavailable("away"))
        monkeypatch.setattr(parts.store, "save_message", lambda message: away)
        stopping = parts.channel.stop()
        parts.sender.answered.callback(None)
        assert result_of(stopping) is None


def test_a_back_off_outlives_a_crash(tmp_path: Path) -> None:
    with life(sqlite(tmp_path), FakeSender(is_down=True)) as parts:
        parts.wants(notice("1"))
        parts.turn(10)
        parts.turn(10)
        parts.turn(20)
        assert parts.sender.tried == [10, 20, 40]
    with life(sqlite(tmp_path)) as parts:
        parts.turn(39)
        assert parts.told() == []
        parts.turn(1)
        assert parts.told() == [["1"]]


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("name", ["begin_message", "save_message"])
def test_a_write_that_fails_or_loses_its_answer_neither_loses_nor_doubles(
    tmp_path: Path, name: str, is_written: bool
) -> None:
    with life(sqlite(tmp_path)) as parts:
        write = getattr(parts.store, name)

        def once(*arguments: object) -> Deferred[None]:
            setattr(parts.store, name, write)
            done = write(*arguments) if is_written else succeed(None)
            return done.addCallback(lambda _: _away())

        setattr(parts.store, name, once)
        parts.wants(notice("1"))
        parts.turn(10)
        parts.turn(10)
        parts.turn(10)
        assert parts.told() == [["1"]]
        assert parts.channel.status.waiting == 0


def _away() -> None:
    raise StoreUnavailable("the line is dead")


# A try of it.


def test_a_lost_answer_spares_nobody_the_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with life(sqlite(tmp_path)) as parts:
        store, begin = parts.store, parts.store.begin_message
        lost = StoreUnavailable("the answer was lost")

        def begin_unheard(message: Message, through: int) -> Deferred[None]:
            monkeypatch.setattr(store, "begin_message", begin)
            return begin(message, through).addCallback(lambda _: fail(lost))

        monkeypatch.setattr(store, "begin_message", begin_unheard)
        parts.wants(notice("1"))
        parts.turn(10)
        parts.turn(10)
        parts.wants(notice("2"))
        parts.turn(59)
        assert parts.told() == [["1"]]
        parts.turn(1)
        assert parts.told() == [["1"], ["2"]]


def test_a_test_is_sent_at_once_and_tells_how_the_channel_is(tmp_path: Path) -> None:
    with life(sqlite(tmp_path), FakeSender(errors=[NO])) as parts:
        heard: list[object] = []
        for _ in range(2):
            Deferred.fromCoroutine(parts.channel.test()).addBoth(heard.append)
        refused, taken = heard
        assert (str(getattr(refused, "value", "")), taken) == (str(NO), None)
        [message] = parts.sender.taken
        assert title(message, "lab-1") == "lab-1: this is a test"
        assert parts.channel.status == ChannelStatus(
            name="ops",
            kind="webhook",
            works=True,
            last_error=str(NO),
            last_error_at=EPOCH,
        )


def test_a_fault_of_ours_is_logged_and_the_message_tried_again(
    tmp_path: Path, logged_failures: list[LogEvent]
) -> None:
    sender = FakeSender(errors=[KeyError("oh")])
    with life(sqlite(tmp_path), sender, SETTINGS) as parts:
        parts.wants(notice("1"))
        parts.turn(10)
        assert parts.channel.status.works is False
        parts.turn(10)
        assert parts.told() == [["1"]]
    assert [event["log_failure"].type for event in logged_failures] == [KeyError]
    logged_failures.clear()
