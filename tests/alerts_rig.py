"""A store of alerts in a real database, and senders that do what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute

from lifeguard.alerts.channel import Channel
from lifeguard.alerts.delivery import NotDelivered
from lifeguard.clock import ServiceTime
from lifeguard.config import Alerts as Settings
from lifeguard.config.alerts import AlertChannel
from lifeguard.model import Alert, Message, Notice, NoticeKind, Saved
from lifeguard.store import SqlStore
from tests.clocks import PromptClock
from tests.rig import EPOCH, result_of

OPS = AlertChannel(kind="webhook", url="http://192.0.2.9/hook")
SETTINGS = Settings(group=10, pause=60, channels={"ops": OPS})


def notice(
    text: str = "gone", board: str = "panda-01", kind: NoticeKind = "given-up"
) -> Notice:
    return Notice(at=EPOCH, board=board, text=text, kind=kind)


class Inline:
    """Threads that run in the test's own."""

    def write(self, function: Callable[[], Any]) -> Deferred[Any]:
        return execute(function)

    def read(self, function: Callable[[], Any]) -> Deferred[Any]:
        return execute(function)

    def close(self) -> Deferred[None]:
        return execute(lambda: None)


@dataclass
class FakeSender:
    """Takes messages; fails first with each of `errors`.

    While `holds`, it does not end before it is `answered`.
    `taken` are the messages as the receiver has them.
    """

    errors: list[Exception] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)
    now: Callable[[], float] = lambda: 0.0
    holds: bool = False
    answered: Deferred[None] = field(default_factory=Deferred)
    is_down: bool = False

    async def send(self, message: Message) -> None:
        self.tried.append(self.now())
        if self.is_down:
            raise NotDelivered("cannot connect: ConnectionRefusedError")
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(message)
        if self.holds:
            await self.answered


@dataclass
class Life:
    """One life of a daemon: its store and its channel `ops`."""

    clock: PromptClock
    store: SqlStore
    saved: Saved
    service_time: ServiceTime
    sender: FakeSender
    channel: Channel

    def wants(self, *notices: Notice) -> None:
        """Notices become alerts of the channel, in one commit, and wake it."""
        result_of(self.store.told([], [Alert("ops", each) for each in notices]))
        self.channel.wake(len(notices))
        self.turn()

    def turn(self, seconds: float = 0.0) -> None:
        """Some time passes, and all that is due by then happens."""
        self.clock.advance(seconds)
        for _ in range(20):
            self.clock.advance(0)

    def told(self) -> list[list[str]]:
        """What the receiver has heard, a list for each message."""
        return [
            [each.text for each in message.notices] for message in self.sender.taken
        ]

    def die(self) -> None:
        """kill -9: nothing more is written or sent, and the next life has the lock."""
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.store._database.close()  # as the process's end would


@contextmanager
def life(
    url: str, sender: FakeSender | None = None, settings: Settings = SETTINGS
) -> Iterator[Life]:
    """From its start, on what the last one left."""
    begun = begin(url, sender, settings)
    try:
        yield begun
    finally:
        begun.channel.stop()
        begun.die()


def begin(url: str, sender: FakeSender | None, settings: Settings) -> Life:
    clock = PromptClock()
    service_time = ServiceTime(clock)
    store = SqlStore(
        url,
        clock=clock,
        service_seconds=service_time.stamp,
        threads=Inline(),
        replaced=lambda reason: None,
    )
    saved = result_of(store.open())
    service_time.start(saved.service_seconds)
    sender = sender or FakeSender()
    sender.now = service_time.now
    channel = Channel(
        "ops",
        settings,
        store,
        sender,
        clock,
        service_time,
        lambda: EPOCH + timedelta(seconds=clock.seconds()),
    )
    channel.wake()
    started = Life(clock, store, saved, service_time, sender, channel)
    started.turn()
    return started


def sqlite(directory: Path) -> str:
    return f"sqlite:///{directory}/lifeguard.sqlite"
