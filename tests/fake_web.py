"""A device's web server for tests, in memory; it keeps a list of all it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from lifeguard.power.web import Web, WebOptions

DEADLINE = 105.0
"""Five seconds from the start of the clock."""


class Page(NamedTuple):
    status: int
    text: str


class FakeDevice(Resource):
    """`answer` is given the method and the path with its query; None is silence."""

    isLeaf = True

    def __init__(self, answer: Callable[[str, str], Page | str | None]) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.headers: list[dict[bytes, list[bytes]]] = []
        self.bodies: list[bytes] = []
        self._answer = answer

    def render(self, request):
        method, path = request.method.decode(), request.uri.decode()
        self.seen.append(f"{method} {path}")
        self.headers.append(dict(request.requestHeaders.getAllRawHeaders()))
        self.bodies.append(request.content.read())
        answer = self._answer(method, path)
        if answer is None:
            return NOT_DONE_YET
        page = answer if isinstance(answer, Page) else Page(200, answer)
        request.setResponseCode(page.status)
        return page.text.encode()


@implementer(IAgent)
class BrokenAgent:
    """Every request fails so; None: it never gets anywhere."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.cancelled = 0

    def request(self, method, uri, headers=None, bodyProducer=None):
        if self.error is None:
            return Deferred(lambda _: self._cancel())
        return fail(self.error)

    def _cancel(self) -> None:
        self.cancelled += 1


def web_rig(answer, **options):
    """A clock that shows 100, the device, and the web of its `options`."""
    clock = Clock()
    clock.advance(100)
    device = FakeDevice(answer)
    where = WebOptions(url="http://192.0.2.20", **options)
    return clock, device, Web(clock, RequestTraversalAgent(device), where)


def outcome(coroutine, clock: Clock | None = None, seconds: float = 0) -> list[str]:
    """What becomes of it within some seconds: "done", or what was read, or an error's
    name and text."""
    heard: list[str] = []

    def note(result):
        if isinstance(result, Failure):
            heard.append(f"{result.type.__name__}: {result.getErrorMessage()}")
        else:
            heard.append(str(result) if isinstance(result, bool) else "done")

    Deferred.fromCoroutine(coroutine).addBoth(note)
    if clock is not None:
        clock.pump([0.125] * int(seconds * 8))
    return heard
