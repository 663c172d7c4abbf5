"""Asking over TCP and HTTP: what is an answer, a miss, or a fault of our own."""

from __future__ import annotations

import errno
from typing import Any, cast

import pytest
from pytest_twisted import ensureDeferred
from treq.testing import RequestTraversalAgent
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    TCPTimedOutError,
    getConnectError,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from lifeguard.health.checks import Missed
from lifeguard.health.network import Network, board_agent
from lifeguard.health.pinger import Pinger

REAL = cast("Any", reactor)
"""The reactor module has no type that fits."""


def rig(agent: IAgent | None = None) -> tuple[Any, Network]:
    memory: Any = MemoryReactorClock()
    return memory, Network(memory, Pinger(memory), agent or board_agent(memory))


def outcome(asking: Deferred[None]) -> list[str]:
    """What became of it so far: "answered", or the error as it was raised."""
    outcomes: list[str] = []
    asking.addCallbacks(
        lambda _: outcomes.append("answered"),
        lambda failure: outcomes.append(repr(failure.value)),
    )
    return outcomes


def refuse(memory: Any, error: Exception) -> None:
    """The last connection attempt ends in `error`."""
    memory.tcpClients[-1][2].clientConnectionFailed(None, Failure(error))


def os_error(number: int) -> ConnectError:
    return cast("ConnectError", getConnectError((number, "as the system puts it")))


def test_a_connection_is_an_answer_and_is_dropped() -> None:
    memory, network = rig()
    outcomes = outcome(network.connect("192.0.2.1", 22))
    host, port, factory, _, _ = memory.tcpClients[0]
    assert (host, port, outcomes) == ("192.0.2.1", 22, [])
    transport = StringTransport()
    factory.buildProtocol(None).makeConnection(transport)
    assert (outcomes, transport.disconnecting) == (["answered"], True)


MISSES = {
    errno.ECONNREFUSED: "Connection refused",
    errno.ECONNRESET: "Connection reset by peer",
    errno.EHOSTUNREACH: "No route to host",
    errno.ETIMEDOUT: "Connection timed out",
}
FAULTS = {
    errno.ENETUNREACH: "Network is unreachable",
    errno.EPERM: "Operation not permitted",
    errno.EACCES: "Permission denied",
    errno.EMFILE: "Too many open files",
    errno.EADDRNOTAVAIL: "Cannot assign requested address",
}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *((os_error(number), f"Missed({text!r})") for number, text in MISSES.items()),
        *(
            (os_error(number), f"CannotPoll({text!r})")
            for number, text in FAULTS.items()
        ),
        (TCPTimedOutError(), "Missed('TCP connection timed out.')"),
    ],
)
@pytest.mark.parametrize("ask", ["connect", "fetch"])
def test_a_silent_board_is_missed_and_a_fault_of_ours_is_not(
    ask: str, error: Exception, expected: str
) -> None:
    memory, network = rig()
    if ask == "connect":
        outcomes = outcome(network.connect("192.0.2.1", 22))
    else:
        outcomes = outcome(network.fetch("http://192.0.2.1/"))
    refuse(memory, error)
    assert outcomes == [expected]


class Board(Resource):
    """A web server that answers `status`, with a body that never ends."""

    isLeaf = True

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status
        self.asked: list[bytes] = []

    def render_GET(self, request: Request) -> int:
        self.asked.append(request.uri)
        request.setResponseCode(self.status)
        request.setHeader(b"location", b"http://192.0.2.99/elsewhere")
        request.write(b"and so on")
        return NOT_DONE_YET


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "answered"),
        (204, "answered"),
        (302, "Missed('HTTP status 302')"),
        (404, "Missed('HTTP status 404')"),
        (503, "Missed('HTTP status 503')"),
    ],
)
def test_a_status_of_200_to_299_is_an_answer_and_its_body_is_not_awaited(
    status: int, expected: str
) -> None:
    board = Board(status)
    agent = RequestTraversalAgent(board)
    _, network = rig(agent)
    outcomes = outcome(network.fetch("http://192.0.2.1:8080/health?deep"))
    agent.flush()
    assert (outcomes, board.asked) == ([expected], [b"/health?deep"])


def test_a_connection_is_dropped_once_the_status_is_known() -> None:
    memory, network = rig()
    outcomes = outcome(network.fetch("http://192.0.2.1/"))
    transport = StringTransport()
    protocol = memory.tcpClients[0][2].buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nand so")
    assert (outcomes, transport.disconnecting) == (["answered"], True)


def test_a_board_is_found_by_its_address_and_not_by_a_name() -> None:
    memory, network = rig()
    for url in ("http://192.0.2.1:8080/", "https://192.0.2.2/"):
        network.fetch(url).addErrback(lambda _: None)
    assert [client[:2] for client in memory.tcpClients] == [
        ("192.0.2.1", 8080),
        ("192.0.2.2", 443),
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", "Missed('no HTTP answer (ConnectionDone)')"),
        (b"SSH-2.0-OpenSSH\r\n", "Missed('no HTTP answer (ParseError)')"),
        (b"HTTP/1.1 fine\r\n", "Missed('no HTTP answer (ParseError)')"),
    ],
)
def test_what_is_not_http_is_missed_without_its_own_words(
    said: bytes, expected: str
) -> None:
    memory, network = rig()
    outcomes = outcome(network.fetch("http://192.0.2.1/"))
    protocol = memory.tcpClients[0][2].buildProtocol(None)
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(said)
    protocol.connectionLost(Failure(ConnectionDone()))
    assert outcomes == [expected]


class Greeter(Protocol):
    """Says a word, and tells its server when it is left."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"SSH-2.0-lifeguard\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert isinstance(self.factory, Greeters)
        self.factory.left.callback(None)


class Greeters(Factory):
    """One Greeter; `left` fires when the client is gone."""

    protocol = Greeter
    noisy = False

    def __init__(self) -> None:
        self.left: Deferred[None] = Deferred()


@ensureDeferred
async def test_a_port_that_listens_answers_and_one_that_does_not_is_missed() -> None:
    network = Network(REAL, Pinger(REAL), board_agent(REAL))
    greeters = Greeters()
    endpoint = TCP4ServerEndpoint(REAL, 0, interface="127.0.0.1")
    port = await endpoint.listen(greeters)
    number = port.getHost().port
    await network.connect("127.0.0.1", number).addTimeout(5, REAL)
    await greeters.left.addTimeout(5, REAL)
    await port.stopListening()
    with pytest.raises(Missed, match=r"^Connection refused$"):
        await network.connect("127.0.0.1", number).addTimeout(5, REAL)
