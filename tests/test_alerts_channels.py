"""All channels together: what they are told of, and what they look at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from lifeguard.alerts import Alerts, UnknownChannel
from lifeguard.config import Alerts as Settings
from lifeguard.config.alerts import AlertChannel
from lifeguard.model import (
    Alert,
    Change,
    HistoryRow,
    Message,
    Notice,
    NoticeKind,
    Saved,
    SavedChannel,
    Standing,
)
from lifeguard.netboot.parameters import Server
from lifeguard.notify import Notifier
from tests.alerts_rig import OPS, SETTINGS, life, notice, sqlite
from tests.rig import EPOCH, Rig, inventory, result_of, rig
from tests.test_inventory_fleet import take


class FakeStore:
    """Says which channels look into it."""

    def __init__(self, said: list[Any]) -> None:
        self._said = said

    def channel(self, name: str, most: int) -> Deferred[SavedChannel]:
        self._said.append(name)
        return succeed(SavedChannel())

    def begin_message(self, message: Message, through: int) -> Deferred[None]:
        raise AssertionError("there is nothing to tell")

    def save_message(self, message: Message) -> Deferred[None]:
        raise AssertionError("there is nothing to tell")

    def turn_few_ready(self, is_few: bool, notice: Notice) -> Deferred[None]:
        self._said.append(notice.kind)
        return succeed(None)


def alerts_of(settings: Settings) -> tuple[Rig, Alerts, list[Any]]:
    """A lab whose one board that counts has failed; its alerts, and what was done."""
    failed = Standing(board="panda-01", state="FailedFlapping", since=EPOCH, version=1)
    parts, said = rig(saved=Saved(standings={"panda-01": failed})), []
    alerts = Alerts(
        settings,
        parts.fleet,
        FakeStore(said),
        parts.clock,
        parts.service_time,
        lambda: EPOCH + timedelta(seconds=parts.clock.seconds()),
        Server("lab-1", "http://192.0.2.1:8080"),
        lambda: said.append("tell"),
    )
    return parts, alerts, said


def hears(*kinds: NoticeKind) -> AlertChannel:
    return replace(OPS, on=kinds)


def wait(clock: Clock, seconds: int) -> None:
    clock.pump([1.0] * seconds)


def test_without_channels_nothing_is_done() -> None:
    parts, alerts, said = alerts_of(Settings())
    timers = len(parts.clock.getDelayedCalls())
    alerts.start(Saved())
    assert alerts.alerts([notice()]) == []
    alerts.waits([])
    alerts.store_is_back()
    assert (said, len(parts.clock.getDelayedCalls())) == ([], timers)
    alerts.stop()


@pytest.mark.parametrize(
    ("settings", "done"),
    [
        (Settings(channels={"ops": hears("given-up")}), []),
        (Settings(channels={"ops": hears("few-ready")}, few_ready=0), []),
        (Settings(channels={"ops": hears("few-ready")}), ["few-ready", "tell"]),
    ],
)
def test_boards_are_counted_where_somebody_wants_to_know(
    settings: Settings, done: list[str]
) -> None:
    parts, alerts, said = alerts_of(settings)
    alerts.start(Saved())
    wait(parts.clock, 320)
    assert said == ["ops", *done]
    alerts.stop()
    wait(parts.clock, 320)
    assert said == ["ops", *done]


def test_a_start_goes_on_from_what_was_told() -> None:
    parts, alerts, said = alerts_of(Settings(channels={"ops": hears("few-ready")}))
    alerts.start(Saved(few_ready=True))
    wait(parts.clock, 1000)
    assert said == ["ops"]
    alerts.stop()


def test_channels_look_when_something_waits_and_when_the_store_is_back() -> None:
    _, alerts, said = alerts_of(Settings(channels={"a": OPS, "b": OPS}))
    alerts.waits([Alert("b", notice()), Alert("b", notice())])
    assert said == ["b"]
    alerts.store_is_away()
    alerts.store_is_back()
    assert said == ["b", "a", "b"]
    alerts.stop()
    alerts.waits([Alert("b", notice())])
    assert said == ["b", "a", "b"]


def test_what_is_no_channel_cannot_be_tried() -> None:
    _, alerts, _ = alerts_of(SETTINGS)
    with pytest.raises(UnknownChannel, match="no such channel: no"):
        result_of(Deferred.fromCoroutine(alerts.test("no")))
    assert [each.name for each in alerts.status()] == ["ops"]
    assert list(alerts.tallies()) == ["ops"]


def test_patterns_choose_among_the_boards_that_there_are_by_now() -> None:
    far = replace(OPS, boards=("bare",))
    parts, alerts, _ = alerts_of(Settings(channels={"far": far}))
    about_another = [notice(board="panda-03")]
    assert len(alerts.alerts(about_another)) == 1
    take(parts, inventory(boards=3))
    assert alerts.alerts(about_another) == []
    take(parts, inventory(boards=0))
    assert alerts.alerts([notice(board="panda-01")]) == []


def test_from_a_commit_to_one_message_that_tells_of_a_thousand_boards(
    tmp_path: Path,
) -> None:
    with life(sqlite(tmp_path)) as parts:
        boards = {f"board-{number:04d}" for number in range(1000)}
        change = Change(
            after=Standing(board="b", state="New", since=EPOCH, version=1),
            row=HistoryRow(
                at=EPOCH,
                board="b",
                event="timeout",
                source="timer",
                outcome="moved",
                from_state="New",
                to_state="New",
                generation=0,
            ),
            notices=tuple(notice("gone", board) for board in sorted(boards)),
        )
        result_of(parts.store.commit(change))

        class Addressees:
            def alerts(self, notices: Any) -> list[Alert]:
                return [Alert("ops", each) for each in notices]

            def waits(self, alerts: Any) -> None:
                parts.channel.wake(len(alerts))

        Notifier(parts.store, parts.clock, Addressees()).tell()
        parts.turn(10)
        parts.turn(3600)
        [message] = parts.sender.taken
        assert message.counts == {"given-up": 1000}
        assert {each.board for each in message.notices} < boards
        assert result_of(parts.store.notices()) == []
