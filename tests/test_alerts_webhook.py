"""Posting messages: what is sent, what an answer means, and that no secret is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from treq.testing import RequestTraversalAgent
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from lifeguard.alerts import bodies
from lifeguard.alerts.delivery import SEND_SECONDS, NotDelivered
from lifeguard.alerts.message import compose
from lifeguard.alerts.senders import sender_of
from lifeguard.alerts.webhook import Webhook
from lifeguard.config.alerts import AlertChannel
from lifeguard.model import Queue
from lifeguard.netboot.parameters import Server
from tests.alerts_rig import notice
from tests.fake_web import BrokenAgent, FakeDevice, Page
from tests.rig import EPOCH

SERVER = Server("lab-1", "http://192.0.2.1:8080")
SECRET = "T0SECRET"
URL = f"http://192.0.2.9/services/{SECRET}"

MESSAGE = compose(
    "ops",
    Queue((notice("Ready -- x --> <Failed>"),), {"given-up": 1}, 1),
    "0123abcd",
    EPOCH,
)


class Answering(FakeDevice):
    """Answers each request alike."""

    def __init__(self, page: Page | None, headers: dict[str, str]) -> None:
        super().__init__(lambda method, path: page)
        self._more = headers

    def render(self, request: Any) -> Any:
        for name, value in self._more.items():
            request.setHeader(name, value)
        return super().render(request)


def rig(
    asked: IAgent, channel: AlertChannel | None = None
) -> tuple[Clock, Callable[[], list[Any]]]:
    """The clock, and what sends MESSAGE: the answer comes into the list."""
    clock = Clock()
    webhook = Webhook(
        channel or AlertChannel(kind="webhook", url=URL),
        partial(bodies.webhook, server=SERVER),
        asked,
        clock,
        lambda: EPOCH + timedelta(seconds=clock.seconds()),
    )
    return clock, lambda: outcome(webhook.send(MESSAGE))


def outcome(sending: Any) -> list[Any]:
    heard: list[Any] = []
    deferred = Deferred.fromCoroutine(sending)
    deferred.addCallbacks(lambda _: "taken", _refusal).addCallback(heard.append)
    return heard


def _refusal(failure: Any) -> tuple[str, bool, float]:
    failure.trap(NotDelivered)
    error = failure.value
    assert SECRET not in str(error)
    return str(error), error.refused, error.retry_after


def answered(page: Page, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    _, send = rig(RequestTraversalAgent(Answering(page, named)))
    [heard] = send()
    return heard


def test_a_message_is_posted_as_json_with_its_key() -> None:
    device = Answering(Page(200, "ok"), {})
    _, send = rig(RequestTraversalAgent(device))
    assert send() == ["taken"]
    assert device.seen == [f"POST /services/{SECRET}"]
    [headers] = device.headers
    assert headers[b"Idempotency-Key"] == [b"0123abcd"]
    assert headers[b"Content-Type"] == [b"application/json"]
    assert json.loads(device.bodies[0]) == {
        "id": "0123abcd",
        "lab": "lab-1",
        "url": "http://192.0.2.1:8080",
        "made": "2026-01-01T00:00:00Z",
        "title": "lab-1: panda-01: Ready -- x --> <Failed>",
        "counts": {"given-up": 1},
        "alerts": [
            {
                "at": "2026-01-01T00:00:00Z",
                "kind": "given-up",
                "about": "panda-01",
                "text": "Ready -- x --> <Failed>",
            }
        ],
        "more": 0,
    }


def test_slack_is_told_in_lines_and_cannot_be_made_to_call_people() -> None:
    told = [notice(f"{number} <!channel> & more") for number in range(30)]
    message = compose("ops", Queue(tuple(told), {"given-up": 30}, 30), "k", EPOCH)
    text = json.loads(bodies.slack(message, SERVER))["text"].split("\n")
    assert text[:2] == [
        "lab-1: 30 boards given up",
        "2026-01-01 00:00:00 UTC  panda-01: 0 &lt;!channel&gt; &amp; more",
    ]
    assert text[-2:] == ["and 10 more", "http://192.0.2.1:8080"]


def test_the_longest_slack_message_is_shorter_than_slack_cuts() -> None:
    told = tuple(notice("&" * 10_000) for _ in range(100))
    message = compose("ops", Queue(told, {"given-up": 1000}, 1000), "k", EPOCH)
    assert len(json.loads(bodies.slack(message, SERVER))["text"]) < 40_000


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_who_says_no_has_refused_it(status: int) -> None:
    [reason, refused, _] = answered(Page(status, "a page"))
    assert (reason.split()[:2], refused) == (["answered", str(status)], True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_who_cannot_just_now_is_asked_later(status: int) -> None:
    [reason, refused, later] = answered(Page(status, "a page"))
    assert (reason.split()[:2], refused, later) == (
        ["answered", str(status)],
        False,
        0.0,
    )


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Wed, 31 Dec 2025 00:02:00 GMT", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("9" * 400, 999999999.0),
        ("Thu, 99 Foo 2026 00:02:00 GMT", 0.0),
        ("", 0.0),
    ],
)
def test_a_receiver_says_when_to_come_again(asked: str, seconds: float) -> None:
    assert answered(Page(429, ""), Retry_After=asked) == (
        "answered 429 Too Many Requests",
        False,
        seconds,
    )


def test_a_word_of_the_answer_is_told_and_no_text_that_may_quote_the_url() -> None:
    assert answered(Page(403, "invalid_token"))[0] == (
        "answered 403 Forbidden: invalid_token"
    )
    assert answered(Page(404, f"cannot post /services/{SECRET}"))[0] == (
        "answered 404 Not Found"
    )
    assert answered(Page(404, "services"))[0] == "answered 404 Not Found"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), "cannot connect: ConnectionRefusedError"),
        (DNSLookupError(f"no results for {SECRET}"), "no such host"),
        (ValueError(URL), "cannot connect: ValueError"),
    ],
)
def test_each_failure_of_the_network_is_a_line(error: Exception, expected: str) -> None:
    _, send = rig(BrokenAgent(error))  # type: ignore[arg-type]
    assert send() == [(expected, False, 0.0)]


def test_one_that_hangs_is_left_when_its_time_is_over() -> None:
    hanging = BrokenAgent(None)
    clock, send = rig(hanging)  # type: ignore[arg-type]
    heard = send()
    clock.advance(SEND_SECONDS - 1)
    assert heard == []
    clock.advance(1)
    assert heard == [("no answer within 20 s", False, 0.0)]
    assert (hanging.cancelled, clock.getDelayedCalls()) == (1, [])


def test_a_url_in_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "url"
    channel = AlertChannel(kind="webhook", url_file=str(file))
    device = Answering(Page(200, ""), {})
    _, send = rig(RequestTraversalAgent(device), channel)
    assert send() == [(f"{file}: No such file or directory", False, 0.0)]
    file.write_text(f"nonsense {SECRET}\n")
    assert send() == [(f"{file}: no URL in it", False, 0.0)]
    file.write_text(f"{URL}\n")
    assert send() == ["taken"]
    assert device.seen == [f"POST /services/{SECRET}"]


# Over real sockets.


class Talker(Protocol):
    """Answers with `said`, then with `more` for as long as anybody listens."""

    def __init__(self, said: bytes, more: bytes) -> None:
        self._said, self._more = said, more
        self.sent = 0
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self._said)
        if self._more:
            self.transport.registerProducer(self, False)  # type: ignore[attr-defined]

    def resumeProducing(self) -> None:
        assert self.transport is not None
        self.sent += len(self._more)
        self.transport.write(self._more)

    def stopProducing(self) -> None:
        """Nobody listens any more."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


@asynccontextmanager
async def talking(
    said: bytes, more: bytes = b""
) -> AsyncIterator[tuple[str, list[Talker]]]:
    """A server that does so, until all who have asked it are gone."""
    talkers: list[Talker] = []

    class Talkers(Factory):
        noisy = False

        def buildProtocol(self, _: object) -> Talker:
            talkers.append(Talker(said, more))
            return talkers[-1]

    port = reactor.listenTCP(0, Talkers(), interface="127.0.0.1")  # type: ignore[attr-defined]
    yield f"http://127.0.0.1:{port.getHost().port}/{SECRET}", talkers
    await maybeDeferred(port.stopListening)
    for talker in talkers:
        await talker.lost.addTimeout(10, reactor)  # type: ignore[arg-type]


def over_the_network(url: str) -> Deferred[None]:
    channel = AlertChannel(kind="webhook", url=url)
    sender = sender_of(channel, SERVER, reactor, lambda: EPOCH)
    return Deferred.fromCoroutine(sender.send(MESSAGE))


@ensureDeferred
async def test_a_real_server_takes_it() -> None:
    async with talking(b"HTTP/1.1 204 No Content\r\n\r\n") as (url, _):
        assert await over_the_network(url) is None


@ensureDeferred
async def test_of_an_endless_answer_little_is_read() -> None:
    endless = b"HTTP/1.1 500 Oops\r\nContent-Length: 10000000000\r\n\r\n"
    async with talking(endless, b"x" * 65536) as (url, talkers):
        with pytest.raises(NotDelivered, match=r"answered 500 Internal Server Error$"):
            await over_the_network(url)
        assert talkers[0].sent < 10_000_000


@ensureDeferred
async def test_endless_headers_are_cut_off() -> None:
    endless = b"x" * 60000 + b"\r\nX: "
    async with talking(b"HTTP/1.1 200 OK\r\nX: ", endless) as (url, talkers):
        with pytest.raises(NotDelivered, match=r"no whole answer"):
            await over_the_network(url)
    assert talkers[0].sent < 10_000_000


@ensureDeferred
async def test_nobody_there_is_a_line_and_nothing_secret_is_logged() -> None:
    logged: list[str] = []
    async with talking(b"") as (url, _):
        pass

    def observe(event: Any) -> None:
        logged.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    with pytest.raises(NotDelivered, match=r"^cannot connect: ConnectionRefusedError$"):
        await over_the_network(url)
    globalLogPublisher.removeObserver(observe)
    assert [line for line in logged if SECRET in line] == []
