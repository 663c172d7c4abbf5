"""Notices: rows until somebody was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from lifeguard.model import Alert, Change, HistoryRow, Notice, Standing
from lifeguard.notify import TOGETHER, Notifier
from lifeguard.store import StoreUnavailable
from tests.rig import EPOCH, rig


@dataclass
class Notices:
    held: list[Notice] = field(default_factory=list)
    waiting: list[Alert] = field(default_factory=list)
    away: bool = False

    def notices(self) -> Deferred[list[Notice]]:
        if self.away:
            return fail(StoreUnavailable("away"))
        return succeed(list(self.held))

    def told(
        self, notices: Sequence[Notice], waiting: Sequence[Alert]
    ) -> Deferred[None]:
        self.held = [each for each in self.held if each not in notices]
        self.waiting.extend(waiting)
        return succeed(None)


def notice(number: int) -> Notice:
    return Notice(at=EPOCH, board="panda-01", text=f"text {number}", id=number)


def told_while(action: Callable[[], None]) -> list[str]:
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] is LogLevel.warn:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    action()
    globalLogPublisher.removeObserver(observe)
    return lines


def test_what_is_held_is_told_once_and_forgotten() -> None:
    store = Notices([notice(1), notice(2)])
    notifier = Notifier(store, Clock())
    assert told_while(notifier.tell) == ["panda-01: text 1", "panda-01: text 2"]
    assert told_while(notifier.tell) == []


class Wishing:
    """Wants all that is told, once for each of two channels."""

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def alerts(self, notices: Sequence[Notice]) -> list[Alert]:
        return [Alert(name, each) for each in notices for name in ("a", "b")]

    def waits(self, alerts: Sequence[Alert]) -> None:
        self.waiting += [f"{each.channel} {each.notice.text}" for each in alerts]


def test_what_is_told_waits_for_others_in_the_same_commit() -> None:
    store, wishing = Notices([notice(1)]), Wishing()
    told_while(Notifier(store, Clock(), wishing).tell)
    assert store.waiting == [Alert("a", notice(1)), Alert("b", notice(1))]
    assert wishing.waiting == ["a text 1", "b text 1"]


def test_what_could_not_be_committed_waits_for_nobody() -> None:
    store, wishing = Notices([notice(1)]), Wishing()
    told = store.told
    store.told = lambda *_: fail(StoreUnavailable("away"))  # type: ignore[method-assign]
    notifier = Notifier(store, Clock(), wishing)
    told_while(notifier.tell)
    assert (store.waiting, wishing.waiting) == ([], [])
    store.told = told  # type: ignore[method-assign]
    told_while(notifier.store_is_back)
    assert wishing.waiting == ["a text 1", "b text 1"]
    notifier.stop()


def test_many_notices_are_forgotten_in_few_writes() -> None:
    store, writes = Notices([notice(number) for number in range(1000)]), []
    told = store.told
    store.told = lambda *what: (writes.append(len(what[0])), told(*what))[1]  # type: ignore[method-assign]
    assert len(told_while(Notifier(store, Clock()).tell)) == 1000
    assert writes == [TOGETHER] * 10


def test_without_a_store_notices_wait() -> None:
    store, clock = Notices([notice(1)], away=True), Clock()
    notifier = Notifier(store, clock)
    assert told_while(notifier.tell) == ["notices wait for the store: away"]
    store.away = False
    assert told_while(lambda: clock.advance(10)) == ["panda-01: text 1"]
    assert clock.getDelayedCalls() == []


def test_a_stopped_notifier_asks_no_more() -> None:
    store, clock = Notices([notice(1)], away=True), Clock()
    notifier = Notifier(store, clock)
    told_while(notifier.tell)
    notifier.stop()
    assert clock.getDelayedCalls() == []


def test_only_a_change_with_a_notice_asks_the_store() -> None:
    store = Notices([notice(1)])
    notifier = Notifier(store, Clock())
    change = Change(
        after=Standing(board="panda-01", state="New", since=EPOCH),
        row=HistoryRow(
            at=EPOCH,
            board="panda-01",
            event="timeout",
            source="timer",
            outcome="moved",
            from_state="New",
            to_state="New",
            generation=0,
        ),
    )
    assert told_while(lambda: notifier.changed(change)) == []
    with_notice = replace(change, notices=(notice(1),))
    assert told_while(lambda: notifier.changed(with_notice)) == ["panda-01: text 1"]


def test_a_board_that_is_given_up_leaves_a_notice_that_says_why() -> None:
    parts = rig()
    changes: list[Change] = []
    parts.fleet.subscribe(changes.append)
    parts.request("rq-reboot")
    parts.clock.advance(1800)
    assert [each.text for each in changes[-1].notices] == [
        "RebootRebooting -- timeout --> FailedRebootRebooting:"
        " waited 1800 s for rack1: given up"
    ]
