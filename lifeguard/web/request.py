"""Twisted's HTTP server as a lab needs it: where a request comes from, and how much.

A connection's age tells whether a board has been switched on since. A query may hold
a token, so it is cut off before anything can log it.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote_to_bytes

from twisted.web import http
from twisted.web.server import Request, Site

from lifeguard.web.answers import Error, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
    from twisted.web.resource import IResource

    from lifeguard.metrics import Answers

LARGEST_BODY = 64 * 1024
"""Bytes; nobody's boot config is larger."""


class LabChannel(http.HTTPChannel):
    """A connection that knows its age.

    What it is besides does not change, and is asked for several times a request.
    """

    def connectionMade(self) -> None:
        self.opened = cast("LabSite", self.factory).clock.seconds()
        self._is_secure: bool = super().isSecure()
        self._host: IAddress = super().getHost()
        super().connectionMade()

    def isSecure(self) -> bool:
        return self._is_secure

    def getHost(self) -> IAddress:
        return self._host


class LabRequest(Request):
    """A request that knows its connection's age, and keeps no more than it should."""

    content: BytesIO
    args: dict[bytes, list[bytes]]

    def __init__(self, channel: LabChannel, *queued: object) -> None:
        super().__init__(channel, *queued, parsePOSTFormSubmission=False)
        self.opened = channel.opened
        """When the connection was made, in seconds of the clock."""
        self.operator = ""
        """Who asks, as history names them, once that is known."""
        self.operation: str | None = None
        """What is asked for, if it is one whose answers are counted."""
        self._lab = cast("LabSite", channel.factory)
        self._received = 0

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
        self._came_at = self._lab.clock.seconds()
        self.uri = self.path
        self.setHeader("X-Content-Type-Options", "nosniff")
        if not _can_be_ours(self.path):
            self.write(answer(self, Error("not found"), 404))
            self.finish()
            return
        super().process()

    def finish(self) -> None:
        super().finish()
        if self.operation is not None:
            seconds = self._lab.clock.seconds() - self._came_at
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

    requestFactory = LabRequest  # type: ignore[assignment]
    protocol = LabChannel  # type: ignore[assignment]

    def __init__(
        self,
        resource: IResource,
        clock: IReactorTime,
        stopped: Callable[[], None],
        answers: Answers,
    ) -> None:
        super().__init__(resource, reactor=clock)
        self.clock, self._stopped, self.answers = clock, stopped, answers

    def startFactory(self) -> None:
        """Nothing to open."""

    def stopFactory(self) -> None:
        self._stopped()

    def log(self, request: http.Request) -> None:
        """Nothing: what matters of a request is in a board's history."""

    def acceptableProtocols(self) -> list[bytes]:
        """Not HTTP/2, which has no channel of ours."""
        return [b"http/1.1"]
