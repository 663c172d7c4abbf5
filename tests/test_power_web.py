"""Asking a device over HTTP: each way to fail is one line, and no password is told."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.error import (
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseNeverReceived
from twisted.web.server import Site

from lifeguard.power.body import ANSWER_BYTES
from lifeguard.power.errors import Unreachable
from lifeguard.power.web import Web, WebOptions, web
from tests.fake_web import DEADLINE, BrokenAgent, FakeDevice, Page, outcome, web_rig

ASKED = "GET http://192.0.2.20/state"


def broken(error):
    clock = Clock()
    clock.advance(100)
    agent = BrokenAgent(error)
    return clock, agent, Web(clock, agent, WebOptions(url="http://192.0.2.20"))


def test_what_is_answered_comes_with_its_status():
    _, device, asked = web_rig(lambda *_: Page(404, "no such page"))
    heard = []
    Deferred.fromCoroutine(asked.answer("GET", "/state", DEADLINE)).addCallback(
        heard.append
    )
    assert [(each.status, each.text) for each in heard] == [(404, "no such page")]
    assert device.seen == ["GET /state"]


def test_a_status_that_is_none_of_success_is_refused():
    for status in (301, 401, 404, 500):
        _, _, asked = web_rig(lambda *_, status=status: Page(status, "no\n\nway"))
        assert outcome(asked.ask("GET", "/state", DEADLINE)) == [
            f"Refused: the answer to {ASKED}: {status}, no way"
        ]


def test_a_long_answer_is_shortened_and_an_empty_one_is_called_nothing():
    _, _, asked = web_rig(lambda *_: Page(500, "x" * 1000))
    assert outcome(asked.ask("GET", "/state", DEADLINE)) == [
        f"Refused: the answer to {ASKED}: 500, {'x' * 100}..."
    ]
    _, _, asked = web_rig(lambda *_: Page(500, ""))
    assert outcome(asked.ask("GET", "/state", DEADLINE)) == [
        f"Refused: the answer to {ASKED}: 500, nothing"
    ]


def test_what_a_terminal_would_obey_is_escaped():
    _, _, asked = web_rig(lambda *_: Page(500, "a\x1b[2J\n\x9b\0\u202e"))
    [heard] = outcome(asked.ask("GET", "/state", DEADLINE))
    assert heard.startswith(f"Refused: the answer to {ASKED}: 500, a\\x1b[2J ")
    assert heard.isprintable()


@pytest.mark.parametrize("host", ["a" * 64, "xn--.example..com", "a..b", "[::"])
def test_a_url_that_cannot_be_is_one_line(host):
    reactor = MemoryReactorClock()
    asked = Web(reactor, Agent(reactor), WebOptions(url=f"http://{host}"))
    [heard] = outcome(asked.ask("GET", "/state", DEADLINE))
    assert heard.startswith(
        f"Unreachable: cannot be reached: GET http://{host}/state: "
    )
    assert heard.isprintable()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ConnectionRefusedError("Connection refused"),
            "Unreachable: cannot be reached: GET http://192.0.2.20/state:"
            " Connection was refused by other side: Connection refused",
        ),
        (
            TimeoutError("no route"),
            "Unreachable: cannot be reached: GET http://192.0.2.20/state:"
            " User timeout caused connection failure: no route",
        ),
        (
            DNSLookupError("no such host"),
            "Unreachable: cannot be reached: GET http://192.0.2.20/state:"
            " DNS lookup failed: no such host",
        ),
        (
            ResponseNeverReceived([Failure(ConnectionLost())]),
            "Disconnected: no whole answer (ConnectionLost):"
            " GET http://192.0.2.20/state",
        ),
    ],
)
def test_each_failure_of_the_network_has_its_name(error, expected):
    _, _, asked = broken(error)
    assert outcome(asked.ask("GET", "/state", DEADLINE)) == [expected]


def test_silence_ends_at_the_deadline_and_nothing_is_left_under_way():
    clock, agent, asked = broken(None)
    heard = outcome(asked.ask("GET", "/state", DEADLINE), clock, 4.5)
    assert heard == []
    clock.advance(0.5)
    assert heard == [f"NoAnswer: no answer within 5 s: {ASKED}"]
    assert agent.cancelled == 1
    assert clock.getDelayedCalls() == []


def test_a_deadline_that_is_past_fails_at_once():
    clock, _, asked = broken(None)
    heard = outcome(asked.ask("GET", "/state", 50.0))
    clock.advance(0)
    assert heard == [f"NoAnswer: no answer within 0 s: {ASKED}"]


def real_rig():
    """Twisted's own agent on a network in memory, and a request that has been sent."""
    reactor = MemoryReactorClock()
    reactor.advance(100)
    asked = Web(reactor, Agent(reactor), WebOptions(url="http://192.0.2.20"))
    heard = outcome(asked.ask("GET", "/state", DEADLINE))
    factory = reactor.tcpClients[0][2]
    protocol = factory.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    return reactor, protocol, transport, heard


def test_an_answer_that_trickles_in_does_not_move_the_deadline():
    reactor, protocol, transport, heard = real_rig()
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(9):
        protocol.dataReceived(b"x")
        reactor.advance(0.5)
    assert heard == []
    reactor.advance(0.5)
    assert heard == [f"NoAnswer: no answer within 5 s: {ASKED}"]
    assert transport.disconnecting


def test_an_answer_that_ends_too_early_is_none():
    _, protocol, _, heard = real_rig()
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")
    protocol.connectionLost(Failure(ConnectionLost()))
    assert heard == [f"Disconnected: no whole answer (ConnectionLost): {ASKED}"]


def test_what_is_no_http_at_all_is_no_answer():
    _, protocol, _, heard = real_rig()
    protocol.dataReceived(b"\x00\xff garbage\r\n\r\n")
    protocol.connectionLost(Failure(ConnectionLost()))
    assert heard == [f"Disconnected: no whole answer (ParseError): {ASKED}"]


def test_an_answer_that_never_ends_is_cut_off():
    _, protocol, transport, heard = real_rig()
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    protocol.dataReceived(b"x" * (ANSWER_BYTES + 1))
    assert heard == [f"SurplusAnswer: more than {ANSWER_BYTES} bytes: {ASKED}"]
    assert transport.disconnecting
    protocol.dataReceived(b"x" * ANSWER_BYTES)
    protocol.connectionLost(Failure(ConnectionLost()))


def test_user_and_password_go_in_a_header_and_are_never_told():
    _, device, asked = web_rig(
        lambda method, path: Page(403, f"{path} by secret%20word or secret word"),
        user="admin",
        password="secret word",
    )
    heard = outcome(asked.ask("GET", "/state?password=secret%20word", DEADLINE))
    assert heard == [
        "Refused: the answer to GET http://192.0.2.20/state?password=***:"
        " 403, /state?password=*** by *** or ***"
    ]
    assert device.headers[0][b"Authorization"] == [b"Basic YWRtaW46c2VjcmV0IHdvcmQ="]


def test_a_body_is_sent_as_json():
    _, device, asked = web_rig(lambda *_: "")
    assert outcome(asked.ask("POST", "/do", DEADLINE, body={"a": 1})) == ["done"]
    assert device.bodies == [b'{"a": 1}']
    assert device.headers[0][b"Content-Type"] == [b"application/json"]


def test_no_cookie_is_kept():
    _, device, asked = web_rig(lambda *_: "")
    for _ in range(2):
        assert outcome(asked.ask("GET", "/state", DEADLINE)) == ["done"]
    assert b"Cookie" not in device.headers[1]


def self_signed() -> CertificateOptions:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
    local = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    born = datetime(2020, 1, 1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, born)
        .add_extension(local, critical=False)
        .not_valid_after(datetime(2100, 1, 1))
        .sign(key, SHA256())
    )
    return CertificateOptions(key, certificate)


@ensureDeferred
async def test_a_certificate_is_checked_unless_it_shall_not_be():
    site = WrappingFactory(Site(FakeDevice(lambda *_: "yes")))
    server = SSL4ServerEndpoint(reactor, 0, self_signed(), interface="127.0.0.1")
    listening = await server.listen(site)
    url = f"https://127.0.0.1:{listening.getHost().port}"
    try:
        with pytest.raises(Unreachable, match=r"/x: its certificate is not trusted$"):
            await ask_once(url, verify=True)
        assert (await ask_once(url, verify=False)).text == "yes"
        while site.protocols:
            await deferLater(reactor, 0.01)
    finally:
        await listening.stopListening()


def ask_once(url, verify):
    asked = web(reactor, WebOptions(url=url, verify=verify))
    return asked.ask("GET", "/x", reactor.seconds() + 30)
