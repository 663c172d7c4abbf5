"""How a board's init script reports: an HTTP POST, tried until it is answered.

503 and lost connections are tried again for as long as the board has power; any other
status from 400 up is final. An event can get lost, or be held up on a connection that
outlives the board's power, as in a proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from msgspec import DecodeError, Struct, json
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
)
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.client import PartialDownloadError, ResponseFailed, readBody
from twisted.web.http import OK, SERVICE_UNAVAILABLE
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from random import Random

    from twisted.internet.interfaces import IConsumer, IReactorTime
    from twisted.python.failure import Failure
    from twisted.web.iweb import IAgent, IResponse

    from lifeguard.simulator.faults import Faults

ANSWER_SECONDS = 5.0
"""A request that takes longer is broken off and tried again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 1.0
LATE_SECONDS = 4.0, 8.0
"""Between these a late event is held up: past the timeouts of the states."""

_HEADERS = Headers({"Content-Type": ["application/json"]})
_BODY = b"{}"
_LOST = (ConnectError, ConnectionClosed, PartialDownloadError, TimeoutError)

log = Logger()


class Refused(Exception):
    """The daemon's answer is final: its status is, or nobody can read it."""

    def __init__(self, event: str, status: int) -> None:
        super().__init__(f"{event}: {status}")
        self.status = status


class Accepted(Struct, frozen=True):
    """What the daemon says of an event that it has taken, perhaps once more."""

    generation: int
    repeat: bool = False


class Reporter:
    """The events of one board, over `agent`, which uses the board's address.

    What is sent and what is acknowledged is logged, so that it can be compared with
    what the daemon remembers.
    """

    def __init__(
        self, agent: IAgent, clock: IReactorTime, faults: Faults, random: Random
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._faults = faults
        self._random = random

    def report(self, url: str, event: str, token: str | None) -> Deferred[None]:
        """Fires when `URL/EVENT` has taken it, fails with Refused; may be cancelled."""
        if self._random.random() < self._faults.lost:
            log.info("{url}: {event} gets lost", url=url, event=event)
            return succeed(None)
        report = _Report(url, event, token)
        if self._random.random() < self._faults.late:
            log.info("{url}: {event} will be late", url=url, event=event)
            self._hold_up(report)
            return succeed(None)
        return Deferred.fromCoroutine(self._deliver(report))

    async def _deliver(self, report: _Report) -> None:
        pause = FIRST_PAUSE
        while (retry_after := await self._attempt(report)) is not None:
            await deferLater(self._clock, max(pause, retry_after))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _attempt(self, report: _Report) -> float | None:
        """Seconds to wait at least before another try; None when it is done."""
        try:
            posted = self._post(report, _Body())
            posted.addTimeout(ANSWER_SECONDS, self._clock, _took_too_long)
            response = await posted
            body = await readBody(response)
        except _LOST:
            return 0.0
        except (ConnectingCancelledError, ResponseFailed) as error:
            if _is_cancellation(error):
                raise CancelledError from error
            return 0.0
        if response.code == SERVICE_UNAVAILABLE:
            return _retry_after(response)
        if response.code >= 400:
            raise Refused(report.event, response.code)
        report.log_answer(body)
        return None

    def _post(self, report: _Report, body: _Body) -> Deferred[IResponse]:
        log.info("{url}: {event} sent", url=report.url, event=report.event)
        return self._agent.request(b"POST", report.address, _HEADERS, body)

    def _hold_up(self, report: _Report) -> None:
        seconds = self._random.uniform(*LATE_SECONDS)
        posted = self._post(report, _LateBody(self._clock, seconds))
        posted.addCallback(readBody)
        # Nobody waits for this answer any more, so nobody minds what it is.
        posted.addErrback(lambda failure: None)


class _Report(NamedTuple):
    """An event, and the token of the boot it belongs to; None: by address."""

    url: str
    event: str
    token: str | None

    @property
    def address(self) -> bytes:
        query = "" if self.token is None else f"?token={self.token}"
        return f"{self.url}/{self.event}{query}".encode()

    def log_answer(self, body: bytes) -> None:
        """Say in which generation it was taken; Refused if that cannot be read."""
        try:
            accepted = json.decode(body, type=Accepted)
        except DecodeError as error:
            raise Refused(self.event, OK) from error
        # An event that orders a power cycle is answered with the generation after it.
        own = None if self.token is None else self.token.split(".")[0]
        log.info(
            "{url}: {event} {how} in generation {generation}",
            url=self.url,
            event=self.event,
            how="repeated" if accepted.repeat else "acknowledged",
            generation=own or accepted.generation,
        )


def _took_too_long(outcome: IResponse | Failure, seconds: float) -> NoReturn:
    raise TimeoutError(f"no answer for {seconds} s")


def _is_cancellation(error: ConnectingCancelledError | ResponseFailed) -> bool:
    """Agent has a wrapping for the cancellation that a power cut is."""
    if isinstance(error, ConnectingCancelledError):
        return True
    return any(reason.check(CancelledError) for reason in error.reasons)


def _retry_after(response: IResponse) -> float:
    for value in response.headers.getRawHeaders("Retry-After", []):
        if value.isdecimal():
            return min(float(value), LONGEST_PAUSE)
    return 0.0


@implementer(IBodyProducer)
class _Body:
    """An empty JSON object."""

    length = len(_BODY)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(_BODY)
        return succeed(None)

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


class _LateBody(_Body):
    """Opens the connection at once and keeps the server waiting for the body."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._done: Deferred[None] | None = None

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self._done = deferLater(self._clock, self._seconds, consumer.write, _BODY)
        return self._done

    def stopProducing(self) -> None:
        if self._done is not None:
            self._done.cancel()
