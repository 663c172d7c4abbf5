"""Twisted's HTTP server as a lab needs it: where a request comes from, and how much.

A connection's age tells whether a board has been switched on since. A query may hold
a token, so it is cut off before anything can log it.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.task import LoopingCall
from twisted.web import http
from twisted.web.server import Request, Site

from lifeguard.web.answers import Error, answer
from lifeguard.web.connections import Unwelcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
    from twisted.python.failure import Failure
    from twisted.web.resource import IResource

    from lifeguard.metrics import Answers
    from lifeguard.web.connections import Connections

LARGEST_BODY = 64 * 1024
"""Bytes; nobody's boot config is larger."""


HTTPS_SECONDS = 30 * 86400
"""A browser that was here by TLS does not come without it for so long."""

REQUEST_SECONDS = 180.0
"""So long may a connection take for its next request, of which it may be silent for 60:
so whoever sends a request byte by byte has two minutes for the whole of it."""

SWEEP_SECONDS = 15.0
"""So often it is looked for them: a timer for each would cost every request."""


class LabChannel(http.HTTPChannel):
    """A connection that knows its age, and since when it owes a request.

    What it is besides does not change, and is asked for several times a request.
    """

    def connectionMade(self) -> None:
        self._site = cast("LabSite", self.factory)
        self.opened = self.idle_since = self._site.clock.seconds()
        self._site.channels.add(self)
        self._peer = self.getPeer()
        self._site.connections.opened(self._peer)
        self._is_full = False
        """The client has not read what it was sent."""
        self._answered: http.Request | None = None
        """The one after which there is no next one yet."""
        self.is_secure: bool = super().isSecure()
        self._host: IAddress = super().getHost()
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._site.channels.discard(self)
        self._site.connections.closed(self._peer)
        super().connectionLost(reason)

    def requestDone(self, request: http.Request) -> None:
        """Go on to the next one, once the client reads what it is answered.

        A thousand requests fit into what is read at once: their answers do not.
        """
        if self._is_full:
            self._answered = request
        else:
            super().requestDone(request)

    def pauseProducing(self) -> None:
        self._is_full = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._is_full = False
        super().resumeProducing()
        answered, self._answered = self._answered, None
        if answered is not None:
            self.requestDone(answered)

    def cut(self) -> None:
        """End it at once; its client has given no sign of meaning well."""
        cast("ITCPTransport", self.transport).abortConnection()

    @property
    def is_answered(self) -> bool:
        """Whether a request is whole, and its answer under way."""
        return (
            bool(self.requests) and self.requests[0].is_whole and self._answered is None
        )

    def isSecure(self) -> bool:
        return self.is_secure

    def getHost(self) -> IAddress:
        return self._host


class LabRequest(Request):
    """A request that knows its connection's age, and keeps no more than it should."""

    content: BytesIO
    args: dict[bytes, list[bytes]]

    def __init__(self, channel: LabChannel, *queued: object) -> None:
        super().__init__(channel, *queued, parsePOSTFormSubmission=False)
        self._channel, self.opened = channel, channel.opened
        """When the connection was made, in seconds of the clock."""
        self.operator = ""
        """Who asks, as history names them, once that is known."""
        self.operation: str | None = None
        """What is asked for, if it is one whose answers are counted."""
        self._lab = cast("LabSite", channel.factory)
        self._received = 0
        self.is_whole = False

    @property
    def is_too_large(self) -> bool:
        """The body was cut, for it was larger than `LARGEST_BODY`."""
        return self._received > LARGEST_BODY

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        # All of it is read: a client that is cut off in its body hears no answer.
        self._received += len(data)
        if not self.is_too_large:
            self.content.write(data)

    def process(self) -> None:
        self.is_whole = True
        self._came_at = self._lab.clock.seconds()
        self.uri = self.path
        self.setHeader("X-Content-Type-Options", "nosniff")
        if self._channel.is_secure:
            self.setHeader("Strict-Transport-Security", f"max-age={HTTPS_SECONDS}")
        if not _can_be_ours(self.path):
            self.write(answer(self, Error("not found"), 404))
            self.finish()
            return
        super().process()

    def finish(self) -> None:
        now = self._channel.idle_since = self._lab.clock.seconds()
        super().finish()
        if self.operation is not None:
            seconds = now - self._came_at
            self._lab.answers.answered(self.operation, self.code, seconds)

    def abort(self) -> None:
        """Cut the connection, lest a part of the answer is taken for the whole."""
        cast("ITCPTransport", self.transport).abortConnection()

    def getRequestHostname(self) -> bytes:
        """One name for all: what the client thinks of it decides no route."""
        return b"lifeguard"


def _can_be_ours(path: bytes) -> bool:
    """Several slashes at its beginning would be taken for one."""
    try:
        return not unquote_to_bytes(path).decode().startswith("//")
    except UnicodeDecodeError:
        return False


class LabSite(Site):
    """Serves `resource`; `stopped` is called when the port is closed.

    `answers` counts what is answered, and how soon.

    There is no access log, and so no timer that keeps its date.
    """

    noisy = False
    requestFactory = LabRequest  # type: ignore[assignment]
    protocol = LabChannel  # type: ignore[assignment]

    def __init__(
        self,
        resource: IResource,
        clock: IReactorTime,
        stopped: Callable[[], None],
        answers: Answers,
        connections: Connections,
    ) -> None:
        super().__init__(resource, reactor=clock)
        self.clock, self._stopped, self.answers = clock, stopped, answers
        self.connections = connections
        self.channels: set[LabChannel] = set()
        """The connections that are open."""
        self._sweeping = LoopingCall(self.sweep)
        self._sweeping.clock = clock

    def buildProtocol(self, addr: IAddress) -> Any:  # type: ignore[override]
        if not self.connections.admits(addr):
            self.answers.connections_refused += 1
            return Unwelcome()
        return super().buildProtocol(addr)

    def startFactory(self) -> None:
        self._sweeping.start(SWEEP_SECONDS, now=False)

    def stopFactory(self) -> None:
        self._sweeping.stop()
        self._stopped()

    def sweep(self) -> None:
        """Cut those who have taken too long for their next request."""
        latest = self.clock.seconds() - REQUEST_SECONDS
        for channel in tuple(self.channels):
            if channel.idle_since < latest and not channel.is_answered:
                channel.cut()

    def log(self, request: http.Request) -> None:
        """Nothing: what matters of a request is in a board's history."""

    def acceptableProtocols(self) -> list[bytes]:
        """Not HTTP/2, which has no channel of ours."""
        return [b"http/1.1"]
