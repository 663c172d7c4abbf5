"""The simulated init script, against an agent whose answers are written down."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from twisted.internet.address import HostnameAddress
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers

from lifeguard.simulator.events import ANSWER_SECONDS, LATE_SECONDS, Refused, Reporter
from lifeguard.simulator.faults import Faults

URL = "http://127.0.0.1:8080/api/v1/boards/sim-01/events"
ADDRESS = URL.encode() + b"/installer-running?token=1.ab"
ACCEPTED = b'{"board": "sim-01", "state": "ReimageInstalling", "generation": 1}'


class Response:
    def __init__(
        self, code: int, retry_after: str | None = None, body: bytes = ACCEPTED
    ) -> None:
        self.code, self.body = code, body
        self.phrase = b""
        self.headers = Headers()
        if retry_after is not None:
            self.headers.addRawHeader("Retry-After", retry_after)

    def deliverBody(self, protocol: Protocol) -> None:
        protocol.dataReceived(self.body)
        protocol.connectionLost(Failure(ResponseDone()))


class Never(NamedTuple):
    """No answer; how the real Agent fails when such a request is cancelled."""

    cancelled: Exception


CONNECTED = Never(ResponseFailed([Failure(CancelledError())]))
CONNECTING = Never(
    ConnectingCancelledError(HostnameAddress(hostname=b"127.0.0.1", port=8080))
)


class Agent:
    """Gives its answers in order; an Exception fails, a Never is cancelled as said."""

    def __init__(self, clock: Clock, answers: Sequence[Any]) -> None:
        self.requests: list[tuple[float, bytes]] = []
        self.bodies: list[Any] = []
        self._clock = clock
        self._answers = iter(answers)

    def request(
        self, method: bytes, uri: bytes, headers: Headers, body: Any
    ) -> Deferred[Any]:
        assert method == b"POST"
        self.requests.append((self._clock.seconds(), uri))
        self.bodies.append(body)
        answer = next(self._answers)
        if isinstance(answer, Never):
            return Deferred(lambda request: request.errback(answer.cancelled))
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)


class Rig(NamedTuple):
    clock: Clock
    agent: Agent
    reported: Deferred[None]
    outcome: list[Failure | None]

    @property
    def times(self) -> list[float]:
        return [round(at, 1) for at, _ in self.agent.requests]


def rig(answers: Sequence[Any], faults: Faults | None = None) -> Rig:
    return report(answers, "installer-running", "1.ab", faults)


def report(
    answers: Sequence[Any], event: str, token: str | None, faults: Faults | None = None
) -> Rig:
    clock = Clock()
    agent = Agent(clock, answers)
    reporter = Reporter(agent, clock, faults or Faults(), Random(1))  # type: ignore[arg-type]
    reported = reporter.report(URL, event, token)
    outcome: list[Failure | None] = []
    reported.addBoth(outcome.append)
    return Rig(clock, agent, reported, outcome)


def pass_seconds(parts: Rig, seconds: float) -> None:
    parts.clock.pump([0.01] * round(seconds * 100))


def test_an_event_is_posted_with_its_token() -> None:
    parts = rig([Response(200)])
    assert parts.agent.requests == [(0.0, ADDRESS)]
    assert parts.outcome == [None]


def test_an_image_on_disk_has_no_token() -> None:
    agent = report([Response(200)], "image-running", None).agent
    assert agent.requests == [(0.0, URL.encode() + b"/image-running")]


def test_lost_connections_and_503_are_tried_again_with_growing_pauses() -> None:
    refused = ConnectionRefusedError()
    parts = rig([refused, Response(503), refused, refused, refused, Response(200)])
    pass_seconds(parts, 8)
    assert parts.times == [0, 0.2, 0.6, 1.4, 2.4, 3.4]
    assert parts.outcome == [None]


def test_retry_after_is_waited_for() -> None:
    parts = rig([Response(503, "1"), Response(200)])
    pass_seconds(parts, 2)
    assert parts.times == [0, 1.0]
    assert parts.outcome == [None]


@pytest.mark.parametrize("retry_after", ["soon", "-1", "99999999", ""])
def test_an_odd_retry_after_stops_nobody_for_long(retry_after: str) -> None:
    parts = rig([Response(503, retry_after), Response(200)])
    pass_seconds(parts, 3)
    assert parts.outcome == [None]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500, 502, 504])
def test_any_other_status_from_400_up_is_final(status: int) -> None:
    parts = rig([Response(status)])
    (failure,) = parts.outcome
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, Refused)
    assert failure.value.status == status


@pytest.mark.parametrize("body", [b"", b"taken", b"[]", b'{"repeat": true}'])
def test_an_answer_that_nobody_can_read_is_final(body: bytes) -> None:
    (failure,) = rig([Response(200, body=body)]).outcome
    assert isinstance(failure, Failure)
    assert failure.check(Refused)


def test_what_is_sent_and_what_is_acknowledged_is_logged() -> None:
    repeated = Response(200, body=b'{"generation": 7, "repeat": true}')
    with capturedLogs() as logged:
        pass_seconds(rig([Response(503), ConnectionRefusedError(), repeated]), 2)
        report([Response(200)], "image-running", None)
    assert [formatEvent(event).removeprefix(f"{URL}: ") for event in logged] == [
        *["installer-running sent"] * 3,
        "installer-running repeated in generation 1",
        "image-running sent",
        "image-running acknowledged in generation 1",
    ]


def test_a_request_without_an_answer_is_broken_off_and_tried_again() -> None:
    parts = rig([CONNECTED, Response(200)])
    pass_seconds(parts, ANSWER_SECONDS + 1)
    assert parts.times == [0, ANSWER_SECONDS + 0.2]
    assert parts.outcome == [None]


@pytest.mark.parametrize("cancelled", [CONNECTED, CONNECTING])
def test_a_power_cut_ends_a_request(cancelled: Never) -> None:
    parts = rig([cancelled])
    parts.reported.cancel()
    (failure,) = parts.outcome
    assert isinstance(failure, Failure)
    assert failure.check(CancelledError)
    assert not parts.clock.getDelayedCalls()


def test_a_power_cut_ends_a_pause() -> None:
    parts = rig([Response(503)])
    parts.reported.cancel()
    (failure,) = parts.outcome
    assert isinstance(failure, Failure)
    assert failure.check(CancelledError)
    assert not parts.clock.getDelayedCalls()


def test_a_lost_event_is_never_sent() -> None:
    parts = rig([], Faults(lost=1))
    assert parts.agent.requests == []
    assert parts.outcome == [None]


def test_a_late_event_connects_at_once_and_speaks_after_a_power_cut() -> None:
    parts = rig([CONNECTED], Faults(late=1))
    assert parts.agent.requests == [(0.0, ADDRESS)]
    assert parts.outcome == [None]
    consumer = StringTransport()
    parts.agent.bodies[0].startProducing(consumer)
    parts.reported.cancel()
    parts.clock.advance(LATE_SECONDS[0] - 0.1)
    assert consumer.value() == b""
    parts.clock.advance(LATE_SECONDS[1] - LATE_SECONDS[0] + 0.1)
    assert consumer.value() == b"{}"
