"""How a board's init script reports: an HTTP POST, tried until it is answered.

503 and lost connections are tried again for as long as the board has power; any other
status from 400 up is final. An event can get lost, or be held up on a connection that
outlives the board's power, as in a proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
)
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.client import PartialDownloadError, ResponseFailed, readBody
from twisted.web.http import SERVICE_UNAVAILABLE
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
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
LATE_SECONDS = 4.0, 8.0
"""Between these a late event is held up: past the timeouts of the states."""

_HEADERS = Headers({"Content-Type": ["application/json"]})
_BODY = b"{}"
_LOST = (ConnectError, ConnectionClosed, PartialDownloadError, TimeoutError)

log = Logger()


class Refused(Exception):
    """The daemon answered with a status that is final."""

    def __init__(self, event: str, status: int) -> None:
        super().__init__(f"{event}: {status}")
        self.status = status


class Reporter:
    """The events of one board, over `agent`, which uses the board's address."""

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
        query = "" if token is None else f"?token={token}"
        address = f"{url}/{event}{query}".encode()
        if self._random.random() < self._faults.late:
            log.info("{url}: {event} will be late", url=url, event=event)
            self._hold_up(address)
            return succeed(None)
        delivered = Deferred.fromCoroutine(self._deliver(address, event))
        return delivered.addCallback(self._acknowledged, url, event, token)

    def _acknowledged(self, _: None, url: str, event: str, token: str | None) -> None:
        how = "by address" if token is None else f"in generation {token.split('.')[0]}"
        log.info("{url}: {event} acknowledged {how}", url=url, event=event, how=how)

    async def _deliver(self, address: bytes, event: str) -> None:
        pause = FIRST_PAUSE
        while (retry_after := await self._attempt(address, event)) is not None:
            await deferLater(self._clock, max(pause, retry_after))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _attempt(self, address: bytes, event: str) -> float | None:
        """Seconds to wait at least before another try; None when it is done."""
        try:
            posted = self._post(address, _Body())
            posted.addTimeout(ANSWER_SECONDS, self._clock, _took_too_long)
            response = await posted
            await readBody(response)
        except _LOST:
            return 0.0
        except (ConnectingCancelledError, ResponseFailed) as error:
            if _is_cancellation(error):
                raise CancelledError from error
            return 0.0
        if response.code == SERVICE_UNAVAILABLE:
            return _retry_after(response)
        if response.code >= 400:
            raise Refused(event, response.code)
        return None

    def _post(self, address: bytes, body: _Body) -> Deferred[IResponse]:
        return self._agent.request(b"POST", address, _HEADERS, body)

    def _hold_up(self, address: bytes) -> None:
        seconds = self._random.uniform(*LATE_SECONDS)
        posted = self._post(address, _LateBody(self._clock, seconds))
        posted.addCallback(readBody)
        # Nobody waits for this answer any more, so nobody minds what it is.
        posted.addErrback(lambda failure: None)


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
