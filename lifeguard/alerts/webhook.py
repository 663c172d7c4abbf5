"""Sends messages to URLs: one request, of whose answer the status counts.

A URL may be a secret as a whole, so no error holds any of it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from OpenSSL.SSL import Error as TlsError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.web.client import RequestTransmissionFailed, ResponseFailed
from twisted.web.http import stringToDatetime
from twisted.web.http_headers import Headers

from lifeguard.alerts.delivery import SEND_SECONDS, NotDelivered
from lifeguard.config.alerts import read_url
from lifeguard.config.reader import reason_of
from lifeguard.power.web import Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime, ITCPTransport
    from twisted.python.failure import Failure
    from twisted.web.iweb import IAgent, IResponse

    from lifeguard.clock import WallClock
    from lifeguard.config.alerts import AlertChannel
    from lifeguard.model import Message

HEARD: Final = 64
"""Bytes of an answer that are read: Slack says in a word what it does not like."""

_LATER: Final = {408, 425, 429, *range(500, 600)}
"""The statuses by which a receiver says that it is not our fault, or not for ever."""

_WORD: Final = re.compile("[a-z_]{1,40}")


class Webhook:
    """Posts JSON; `agent` is asked for URLs as they are: no redirects."""

    def __init__(
        self,
        channel: AlertChannel,
        body: Callable[[Message], bytes],
        agent: IAgent,
        clock: IReactorTime,
        wall: WallClock,
    ) -> None:
        self._channel, self._body, self._agent = channel, body, agent
        self._clock, self._wall = clock, wall

    async def send(self, message: Message) -> None:
        """Done when it is taken; fails with NotDelivered."""
        try:
            url = read_url(self._channel)
        except (OSError, ValueError) as error:
            reason = f"{self._channel.url_file}: {reason_of(error)}"
            raise NotDelivered(reason) from None
        try:
            asking = Deferred.fromCoroutine(self._post(url, message))
            response, said = await asking.addTimeout(SEND_SECONDS, self._clock)
        except TimeoutError:
            raise NotDelivered(f"no answer within {SEND_SECONDS:g} s") from None
        except (ResponseFailed, RequestTransmissionFailed) as error:
            raise NotDelivered(_broken(error)) from None
        except DNSLookupError:
            raise NotDelivered("no such host") from None
        except (ConnectError, ValueError) as error:
            # A ValueError is of a URL that cannot be.
            raise NotDelivered(f"cannot connect: {type(error).__name__}") from None
        self._check(response, said, url)

    async def _post(self, url: str, message: Message) -> tuple[IResponse, bytes]:
        # A client for one request: no receiver can fill our memory with cookies.
        client = HTTPClient(self._agent, data_to_body_producer=Sent)
        headers = {
            "Content-Type": ["application/json"],
            "Idempotency-Key": [message.key],
            "User-Agent": ["lifeguard"],
        }
        try:
            response: Any = await client.post(
                url,
                headers=Headers(headers),
                data=self._body(message),
                allow_redirects=False,
                unbuffered=True,
            )
            return response, await _begin_of(response)
        except (ResponseFailed, RequestTransmissionFailed) as error:
            # That is how Agent says that it was cancelled.
            if error.reasons[0].check(CancelledError):
                raise CancelledError from None
            raise

    def _check(self, response: IResponse, said: bytes, url: str) -> None:
        status = response.code
        if 200 <= status < 300:
            return
        reason = f"answered {status}{_phrase(status)}"
        word = said.decode("latin-1").strip()
        # An answer may quote what it was asked, secret and all.
        if _WORD.fullmatch(word) and word not in url:
            reason = f"{reason}: {word}"
        later = status in _LATER
        raise NotDelivered(
            reason,
            refused=not later,
            retry_after=self._retry_after(response.headers) if later else 0.0,
        )

    def _retry_after(self, headers: Headers) -> float:
        """What the receiver asks for, in seconds or as a date; 0: nothing."""
        [asked, *_] = headers.getRawHeaders(b"Retry-After", [b""])
        if asked.isdigit():
            return float(asked[:9])
        try:
            date: int = stringToDatetime(asked)
        except (IndexError, ValueError, KeyError):
            return 0.0
        return max(0.0, date - self._wall().timestamp())


def _phrase(status: int) -> str:
    """What a status is called; the receiver could call it anything."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _broken(error: ResponseFailed | RequestTransmissionFailed) -> str:
    reason = error.reasons[0]
    if reason.check(TlsError):
        return "its certificate is not trusted"
    return f"no whole answer ({reason.type.__name__})"


def _begin_of(response: IResponse) -> Deferred[bytes]:
    """The first bytes of the body; nobody waits for the rest."""
    body = _Begin()
    response.deliverBody(body)
    return body.heard


class _Begin(Protocol):
    transport: ITCPTransport

    def __init__(self) -> None:
        self.heard: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._received = b""

    def dataReceived(self, data: bytes) -> None:
        self._received = (self._received + data)[:HEARD]
        if len(self._received) == HEARD:
            self._hang_up()
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # The status has been heard, and is what counts.
        self._end()

    def _end(self) -> None:
        if not self.heard.called:
            self.heard.callback(self._received)

    def _hang_up(self) -> None:
        self.transport.loseConnection()
