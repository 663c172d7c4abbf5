"""What devices say before their answers: it is not logged, and it has an end."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionAborted
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from lifeguard.power.agent import CONNECTION_BYTES
from lifeguard.power.web import WebOptions, web
from tests.fake_web import DEADLINE, outcome

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def logged():
    events = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def rig():
    """A request that has been sent, and the connection that it went over."""
    reactor = MemoryReactorClock()
    asked = web(reactor, WebOptions(url="http://192.0.2.20"))
    heard = outcome(asked.ask("GET", "/state", DEADLINE))
    factory = reactor.tcpClients[0][2]
    factory.doStart()
    protocol = factory.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    return factory, protocol, transport, heard


def test_an_answer_after_provisional_ones_is_taken_and_nothing_is_logged(logged):
    factory, protocol, _, heard = rig()
    protocol.dataReceived(CONTINUE * 3 + ANSWER)
    factory.doStop()
    assert heard == ["done"]
    assert logged == []


@pytest.mark.parametrize(
    ("opening", "chatter"),
    [(b"", CONTINUE), (b"HTTP/1.1 200 OK\r\n", b"X-Header: 1\r\n")],
)
def test_one_that_never_comes_to_an_answer_is_broken_off(logged, opening, chatter):
    _, protocol, transport, heard = rig()
    piece = chatter * 1000
    protocol.dataReceived(opening)
    for _ in range(CONNECTION_BYTES // len(piece)):
        protocol.dataReceived(piece)
    assert not transport.disconnecting
    protocol.dataReceived(piece)
    assert transport.disconnecting
    protocol.connectionLost(Failure(ConnectionAborted()))
    assert heard == [
        "Disconnected: no whole answer (ConnectionAborted): GET http://192.0.2.20/state"
    ]
    assert logged == []
