"""One channel: gathers alerts into messages, and sends one message after the other.

What is to be done next is read from the store each time: so it is the same after a
crash, after a write whose answer was lost, and while all goes well.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from lifeguard.alerts.delivery import NotDelivered, not_sent, sent
from lifeguard.alerts.message import MOST, compose
from lifeguard.config.alerts import ChannelKind
from lifeguard.model import Message, Queue
from lifeguard.store import StoreError
from lifeguard.words import plural

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.config.alerts import Alerts
    from lifeguard.model import SavedChannel

log = Logger()

STORE_SECONDS = 10.0
"""The pause before a store that was away is asked again; it says itself when it is
back, but a write may be refused as well."""


class Store(Protocol):
    """The part of the store that keeps alerts and messages."""

    def channel(self, name: str, most: int) -> Deferred[SavedChannel]: ...
    def begin_message(self, message: Message, through: int) -> Deferred[None]: ...
    def save_message(self, message: Message) -> Deferred[None]: ...


class Sender(Protocol):
    """Sends a message, once; fails with NotDelivered, within some time."""

    async def send(self, message: Message) -> None: ...


class Tally(Struct):
    """What a channel has done since the start."""

    sent: int = 0
    failed: int = 0
    """Messages that were given up."""
    tries: int = 0
    """Tries that failed."""


class ChannelStatus(Struct, frozen=True, kw_only=True):
    """How a channel is doing.

    `works` is how the last try went; null: nothing was tried since the start.
    `waiting` counts alerts, `tries` those of the message under way that failed, and
    `failed` the messages that were given up, as far back as history is kept.
    """

    name: str
    kind: ChannelKind
    works: bool | None = None
    waiting: int = 0
    tries: int = 0
    last_error: str | None = None
    last_error_at: datetime | None = None
    last_sent: datetime | None = None
    failed: int = 0


class Channel:
    """Tells what waits for the channel `name`, whenever it is woken."""

    def __init__(
        self,
        name: str,
        settings: Alerts,
        store: Store,
        sender: Sender,
        clock: IReactorTime,
        service_time: ServiceTime,
        wall: WallClock,
    ) -> None:
        self.status = ChannelStatus(name=name, kind=settings.channels[name].kind)
        self.tally = Tally()
        self._name, self._settings = name, settings
        self._store, self._sender = store, sender
        self._clock, self._service_time, self._wall = clock, service_time, wall
        self._working: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None
        self._more = self._stopped = False
        self._gathered_at: float | None = None
        """When what waits has been gathered; None: nothing waits."""
        self._rested_at = 0.0
        """When the pause after the last message is over."""

    def wake(self, more: int = 0) -> None:
        """There may be something to tell: `more` alerts are known to be new."""
        self._is(waiting=self.status.waiting + more)
        self._more = True
        if self._working is None and not self._stopped:
            self._working = Deferred.fromCoroutine(self._work())
            self._working.addBoth(self._rest)

    def stop(self) -> Deferred[None]:
        """What has not been told is told after the next start.

        Fires when the step that is under way is over, which may take `SEND_SECONDS`: a
        message that the receiver has already is to be saved as sent.
        """
        self._stopped = True
        if self._pause is not None:
            self._pause.cancel()
        return self._working or succeed(None)

    async def test(self) -> None:
        """Send a message that tells nothing, now; fails with NotDelivered."""
        message = compose(self._name, Queue((), {}, 0), uuid4().hex, self._wall())
        try:
            await self._send(message)
        except NotDelivered as error:
            self._is(works=False, last_error=str(error), last_error_at=self._wall())
            raise
        self._is(works=True)

    # A step after the other, for as long as there is something to do.

    async def _work(self) -> None:
        while self._more and not self._stopped:
            self._more = False
            try:
                saved = await self._store.channel(self._name, MOST)
                self._stands(saved)
                await self._step(saved)
            except StoreError as error:
                log.warn("alerts wait for the store: {error}", error=error)
                await self._sleep(STORE_SECONDS)
                self._more = True

    async def _step(self, saved: SavedChannel) -> None:
        if saved.message is not None:
            self._gathered_at = None
            self._more = True
            await self._deliver(saved.message)
        elif saved.queue.through:
            self._more = True
            await self._gather(saved.queue)

    async def _gather(self, queue: Queue) -> None:
        now = self._clock.seconds()
        if self._gathered_at is None:
            self._gathered_at = max(now + self._settings.group, self._rested_at)
        if now < self._gathered_at:
            return await self._sleep(self._gathered_at - now)
        message = compose(self._name, queue, uuid4().hex, self._wall())
        await self._store.begin_message(message, queue.through)

    async def _deliver(self, message: Message) -> None:
        await self._sleep(message.due - self._service_time.now())
        try:
            await self._send(message)
        except NotDelivered as error:
            message = self._failed(message, error)
        else:
            message = sent(message, self._wall())
            self._is(works=True)
            self.tally.sent += 1
        self._rested_at = self._clock.seconds() + self._settings.pause
        await self._save(message)

    async def _send(self, message: Message) -> None:
        try:
            await self._sender.send(message)
        except (NotDelivered, CancelledError):
            raise
        except Exception:
            log.failure("alerts: {channel} has a fault", channel=self._name)
            raise NotDelivered("lifeguard has a fault; its log tells more") from None

    def _failed(self, message: Message, error: NotDelivered) -> Message:
        wall = self._wall()
        after = not_sent(message, error, self._service_time.now(), wall)
        self._is(works=False, last_error=str(error), last_error_at=wall)
        self.tally.tries += 1
        if after.outcome == "failed":
            self._given_up(after)
        elif message.tries == 0:
            log.warn("alerts: {channel}: {error}", channel=self._name, error=error)
        return after

    def _given_up(self, message: Message) -> None:
        self.tally.failed += 1
        log.error(
            "alerts: {channel}: {what} given up after {tries} tries: {error}",
            channel=self._name,
            what=plural(sum(message.counts.values()), "alert"),
            tries=message.tries,
            error=message.error,
        )

    async def _save(self, message: Message) -> None:
        """Until it is saved: what has been sent is not to be sent again."""
        while True:
            try:
                return await self._store.save_message(message)
            except StoreError as error:
                log.warn("alerts wait for the store: {error}", error=error)
                await self._sleep(STORE_SECONDS)

    async def _sleep(self, seconds: float) -> None:
        if self._stopped:
            raise CancelledError
        if seconds > 0:
            self._pause = deferLater(self._clock, seconds)
            await self._pause
            self._pause = None

    # What others see of it.

    def _stands(self, saved: SavedChannel) -> None:
        message, failed = saved.message, saved.last_failed
        self._is(
            waiting=sum(saved.queue.counts.values())
            + (sum(message.counts.values()) if message is not None else 0),
            tries=0 if message is None else message.tries,
            last_sent=saved.last_sent,
            failed=saved.failed,
        )
        if self.status.last_error is None:
            ill = message if message is not None and message.error else failed
            if ill is not None:
                self._is(last_error=ill.error, last_error_at=ill.ended)

    def _is(self, **fields: object) -> None:
        self.status = replace(self.status, **fields)

    def _rest(self, result: object) -> None:
        self._working = None
        if isinstance(result, Failure) and not result.check(CancelledError):
            log.failure("alerts: {channel} broke", result, channel=self._name)
