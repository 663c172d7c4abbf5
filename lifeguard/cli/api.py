"""The daemon's HTTP interface as a client sees it: paths in, documents out.

A 429 or 503 is asked again when its `Retry-After` says. Every error is one line that
names the URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.policies import TimeoutMixin
from twisted.web.client import RequestTransmissionFailed, ResponseFailed
from twisted.web.http_headers import Headers

from lifeguard.cli.documents import BoardPage, Document
from lifeguard.cli.exits import Exit, Stop
from lifeguard.cli.reading import Strange, decode, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from treq.client import HTTPClient
    from treq.response import _Response as Response
    from twisted.internet.interfaces import IReactorTime, ITransport
    from twisted.python.failure import Failure

    from lifeguard.cli.access import Access

PREFIX = "/api/v1"

REQUEST_SECONDS = 30.0
"""A daemon that takes longer for one answer is as good as none."""

SILENCE_SECONDS = 45.0
"""Of the stream: three of its heartbeats."""

PATIENCE_SECONDS = 30.0
"""How long it is asked again: a database that is restarted is back by then."""

NOT_NOW = (429, 503)
"""Too many calls, or no database: either passes."""

PAGE = 1000
"""Boards at once; the most that are given."""

_FAILURES = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    RequestTransmissionFailed,
    ResponseFailed,
    TimeoutError,
)
"""What can go wrong between two machines."""


class Unreachable(Stop):
    """There is no daemon, or it does not speak as one."""

    status = Exit.UNREACHABLE


class Refused(Stop):
    """The daemon answered, and said no: `document`, of which `said` is the line."""

    def __init__(self, url: str, document: Document) -> None:
        self.document, self.said = document, document["error"]
        super().__init__(f"{url}: {self.said}")


class Api:
    """One daemon. Its methods raise Unreachable, Refused or Strange."""

    def __init__(self, access: Access, http: HTTPClient, clock: IReactorTime) -> None:
        self.url, self.clock = access.url, clock
        self._http = http
        self._headers = Headers()
        if access.token is not None:
            self._headers.addRawHeader("Authorization", f"Bearer {access.token}")

    async def get(self, path: str, **query: str | int) -> Document:
        """The document at `path`."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Document) -> Document:
        """What is answered to `body`."""
        return await self._ask("POST", path, json=body)

    async def boards(self, name: str) -> list[Document]:
        """All boards of such names, page by page."""
        found: list[Document] = []
        after = ""
        while True:
            asked = await self.get("/boards", name=name, limit=PAGE, after=after)
            page = read(asked, BoardPage)
            found += page.boards
            if page.next is None:
                return found
            after = page.next

    async def stream(self, heard: Callable[[bytes], None]) -> Body:
        """The stream, once it is open; what it says from then on is handed on."""
        end = self.clock.seconds() + REQUEST_SECONDS
        try:
            asked = self._request("GET", "/stream", unbuffered=True)
            response = await asked.addTimeout(REQUEST_SECONDS, self.clock)
        except _FAILURES as error:
            raise self._failed(error, end) from error
        if response.code != 200:
            raise self._refusal("/stream", response.code, b"")
        body = Body(heard, self.clock)
        response.deliverBody(body)
        return body

    async def _ask(self, method: str, path: str, **how: Any) -> Document:
        end = self.clock.seconds() + PATIENCE_SECONDS
        while True:
            response, body = await self._answer(method, path, **how)
            if response.code == 200:
                return decode(body)
            pause = _retry_after(response)
            if response.code not in NOT_NOW or self.clock.seconds() + pause > end:
                raise self._refusal(path, response.code, body)
            await deferLater(self.clock, pause)

    async def _answer(
        self, method: str, path: str, **how: Any
    ) -> tuple[Response, bytes]:
        async def whole() -> tuple[Response, bytes]:
            response = await self._request(method, path, **how)
            return response, await response.content()

        end = self.clock.seconds() + REQUEST_SECONDS
        try:
            asked = Deferred.fromCoroutine(whole())
            return await asked.addTimeout(REQUEST_SECONDS, self.clock)
        except _FAILURES as error:
            raise self._failed(error, end) from error

    def _request(self, method: str, path: str, **how: Any) -> Deferred[Response]:
        asked: Deferred[Response] = self._http.request(
            method,
            f"{self.url}{PREFIX}{path}",
            headers=self._headers,
            # Another place need not see the token, nor is it a lifeguard.
            allow_redirects=False,
            reactor=cast("Any", self.clock),
            **how,
        )
        return asked

    def _refusal(self, path: str, status: int, body: bytes) -> Stop:
        try:
            return Refused(f"{self.url}{PREFIX}{path}", decode(body))
        except (Strange, KeyError):
            return Unreachable(f"{self.url}: this is no lifeguard: status {status}")

    def _failed(self, error: Exception, end: float) -> Exception:
        """What a request came to that had time until `end`.

        One that is cancelled fails as if its connection was lost.
        """
        if _is_cancelled(error) and self.clock.seconds() < end:
            return CancelledError()
        return Unreachable(f"{self.url}: {_reason(error)}")


class Body(Protocol, TimeoutMixin):
    """The body of an answer that goes on for ever, unless it is silent for too long.

    `ended` fails with what `heard` stops it for.
    """

    transport: ITransport

    def __init__(self, heard: Callable[[bytes], None], clock: IReactorTime) -> None:
        self._heard = heard
        self.callLater = clock.callLater  # type: ignore[method-assign,assignment]
        self.ended: Deferred[None] = Deferred()

    def close(self) -> None:
        """Hear nothing more."""
        self.setTimeout(None)
        self.transport.loseConnection()

    def connectionMade(self) -> None:
        self.setTimeout(SILENCE_SECONDS)

    def dataReceived(self, data: bytes) -> None:
        self.resetTimeout()
        try:
            self._heard(data)
        except Stop as stop:
            self.ended.errback(stop)
            self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.setTimeout(None)
        if not self.ended.called:
            self.ended.callback(None)


def _retry_after(response: Response) -> float:
    """Seconds; a second, if the answer does not say."""
    said = response.headers.getRawHeaders("Retry-After", ["1"])[0]
    return float(said) if said.isdecimal() else 1.0


def _reasons(error: Exception) -> list[Exception]:
    """What is behind a failure of the HTTP client."""
    return [reason.value for reason in getattr(error, "reasons", [])]


def _is_cancelled(error: Exception) -> bool:
    return any(isinstance(reason, CancelledError) for reason in _reasons(error))


def _reason(error: Exception) -> str:
    """What went wrong on the way, in a few words."""
    if isinstance(error, TimeoutError) or _is_cancelled(error):
        return "no answer"
    if isinstance(error, DNSLookupError):
        return "no such host"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if reasons := _reasons(error):
        return _reason(reasons[0])
    if type(error).__module__.partition(".")[0] in ("OpenSSL", "service_identity"):
        return "its certificate is not trusted; --ca-file says which are"
    return " ".join(str(error).split())
