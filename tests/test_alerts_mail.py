"""Mail: what is sent, by which security, and what a server's answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pytest_twisted import ensureDeferred
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.logger import formatEvent, globalLogPublisher
from twisted.mail import smtp
from twisted.mail.imap4 import LOGINCredentials
from twisted.python.failure import Failure
from zope.interface import implementer

from lifeguard.alerts import mail as mail_module
from lifeguard.alerts.delivery import NotDelivered
from lifeguard.alerts.letter import SUBJECT, letter
from lifeguard.alerts.mail import Mail
from lifeguard.alerts.message import compose
from lifeguard.config.alerts import AlertChannel
from lifeguard.model import Queue
from lifeguard.netboot.parameters import Server
from tests.alerts_rig import notice
from tests.rig import EPOCH

SERVER = Server("lab-1", "http://192.0.2.1:8080")
PASSWORD = "p4ssw0rd"
TOLD = (notice("Ready -- x --> Failed\r\nBcc: all@example.org"), notice(".\nümlaut"))
MESSAGE = compose("ops", Queue(TOLD, {"given-up": 2}, 2), "0123abcd", EPOCH)


@implementer(smtp.IMessage)
@dataclass
class Incoming:
    into: list[bytes]
    lines: list[bytes] = field(default_factory=list)

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        self.into.append(b"\n".join(self.lines))
        return succeed(None)

    def connectionLost(self) -> None:
        """Nothing of it is kept."""


@implementer(smtp.IMessageDelivery)
@dataclass
class Office:
    """Takes mail for everybody, but for `unknown`."""

    mails: list[bytes] = field(default_factory=list)
    unknown: tuple[str, ...] = ()
    to: list[str] = field(default_factory=list)
    connections: Any = None

    def receivedHeader(self, *_: object) -> bytes:
        return b"Received: here"

    def validateFrom(self, helo: object, origin: object) -> object:
        return origin

    def validateTo(self, user: smtp.User) -> Any:
        if str(user.dest) in self.unknown:
            raise smtp.SMTPBadRcpt(user.dest)
        self.to.append(str(user.dest))
        return lambda: Incoming(self.mails)

    def requestAvatar(self, avatar: object, mind: object, *interfaces: object) -> Any:
        return smtp.IMessageDelivery, self, lambda: None


class Connections:
    """Those of a server, which are over before its test is."""

    def __init__(self) -> None:
        self.open: list[Protocol] = []
        self._over: Deferred[None] | None = None

    def end(self, protocol: Any) -> None:
        self.open.remove(protocol)
        if self._over is not None and not self.open:
            self._over.callback(None)

    async def all_over(self) -> None:
        await turns()
        if self.open:
            self._over = Deferred()
            for protocol in tuple(self.open):
                protocol.transport.abortConnection()  # type: ignore[union-attr]
            await self._over
        await turns()


async def turns() -> None:
    """Let the reactor hear what has been said."""
    for _ in range(5):
        await deferLater(reactor, 0)  # type: ignore[arg-type]


@asynccontextmanager
async def office(
    certificate: ssl.PrivateCertificate | None = None,
    *,
    login: bool = False,
    at_once: bool = False,
    says_goodbye: bool = True,
    **how: Any,
) -> AsyncIterator[tuple[Office, int]]:
    """A mail server, with STARTTLS or TLS `at_once` if there is a certificate."""
    opened, connections = Office(**how), Connections()
    opened.connections = connections
    portal = Portal(opened)  # type: ignore[arg-type]
    portal.registerChecker(
        InMemoryUsernamePasswordDatabaseDontUse(bob=PASSWORD.encode())
    )

    class Desk(smtp.ESMTP):
        def do_QUIT(self, rest: bytes) -> None:
            if says_goodbye:
                super().do_QUIT(rest)

        def connectionLost(self, reason: Any) -> None:
            super().connectionLost(reason)
            connections.end(self)

    class Desks(smtp.SMTPFactory):
        noisy = False
        domain = "mail.example.org"
        timeout = None  # type: ignore[assignment]

        def buildProtocol(self, address: Any) -> Any:
            desk = Desk({b"LOGIN": LOGINCredentials} if login else {})
            if certificate is not None:
                desk.ctx = certificate.options()
            desk.factory, desk.portal, desk.host = self, portal, "mail.example.org"
            desk.delivery = None if login else opened  # type: ignore[assignment]
            desk.timeout = None
            connections.open.append(desk)
            return desk

    desks = Desks()
    if at_once:
        assert certificate is not None
        port = reactor.listenSSL(0, desks, certificate.options(), interface="127.0.0.1")  # type: ignore[attr-defined]
    else:
        port = reactor.listenTCP(0, desks, interface="127.0.0.1")  # type: ignore[attr-defined]
    try:
        yield opened, port.getHost().port
    finally:
        await maybeDeferred(port.stopListening)
        await connections.all_over()


def channel(port: int, **fields: Any) -> AlertChannel:
    given = {
        "host": "localhost",
        "sender": "lifeguard@example.org",
        "to": ("ops@example.org", "lab@example.org"),
        "security": "none",
    }
    return AlertChannel(kind="mail", port=port, **(given | fields))


def send(to: AlertChannel) -> Deferred[None]:
    return Deferred.fromCoroutine(Mail(to, SERVER, reactor).send(MESSAGE))


def read(data: bytes) -> EmailMessage:
    found = message_from_bytes(data, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


# What is sent.


def test_a_mail_says_it_all_and_no_notice_adds_a_header() -> None:
    found = read(letter(MESSAGE, SERVER, channel(25)))
    assert dict(found.items()) == {
        "Subject": "lab-1: 2 boards given up",
        "From": "lifeguard@example.org",
        "To": "ops@example.org, lab@example.org",
        "Date": "Thu, 01 Jan 2026 00:00:00 +0000",
        "Message-ID": "<0123abcd@lab-1>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert found.get_content().splitlines() == [
        "2026-01-01 00:00:00 UTC  panda-01: Ready -- x --> Failed Bcc: all@example.org",
        "2026-01-01 00:00:00 UTC  panda-01: . ümlaut",
        "",
        "http://192.0.2.1:8080",
    ]


def test_the_subject_of_one_alert_is_cut_and_never_two_lines() -> None:
    told = Queue((notice("x\r\nBcc: y" + "z" * 10_000),), {"given-up": 1}, 1)
    message = compose("ops", told, "k", EPOCH)
    subject = read(letter(message, SERVER, channel(25)))["Subject"]
    assert subject.startswith("lab-1: panda-01: x Bcc: yz")
    assert len(subject) == SUBJECT


# Over real sockets.


@ensureDeferred
async def test_a_server_without_tls_or_login_takes_it() -> None:
    async with office() as (opened, port):
        await send(channel(port))
    assert [read(each)["Message-ID"] for each in opened.mails] == 2 * [
        "<0123abcd@lab-1>"
    ]
    assert opened.to == ["ops@example.org", "lab@example.org"]


@pytest.fixture
def certificate(monkeypatch: pytest.MonkeyPatch) -> ssl.PrivateCertificate:
    """That of localhost, and trusted."""
    made = _certificate()
    trusted = ssl.trustRootFromCertificates([made])
    options = ssl.optionsForClientTLS
    monkeypatch.setattr(
        mail_module, "optionsForClientTLS", lambda host: options(host, trusted)
    )
    monkeypatch.setattr(ssl, "optionsForClientTLS", lambda host: options(host, trusted))
    return made


def _certificate() -> ssl.PrivateCertificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ssl.PrivateCertificate.loadPEM(pem + signed.public_bytes(Encoding.PEM))


@pytest.mark.parametrize("security", ["starttls", "tls"])
@ensureDeferred
async def test_with_tls_it_logs_in(
    certificate: ssl.PrivateCertificate, tmp_path: Path, security: str
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    async with office(certificate, login=True, at_once=security == "tls") as (
        opened,
        port,
    ):
        secret = str(tmp_path / "password")
        to = channel(port, security=security, user="bob", password_file=secret)
        await send(to)
        assert len(opened.mails) == 2


@ensureDeferred
async def test_a_wrong_password_is_refused_and_told_nowhere(
    certificate: ssl.PrivateCertificate, tmp_path: Path
) -> None:
    logged: list[str] = []
    (tmp_path / "password").write_text("wr0ng")
    globalLogPublisher.addObserver(observe := lambda e: logged.append(formatEvent(e)))
    async with office(certificate, login=True) as (_, port):
        secret = str(tmp_path / "password")
        to = channel(port, security="starttls", user="bob", password_file=secret)
        with pytest.raises(NotDelivered, match=r"^answered 535 ") as caught:
            await send(to)
    globalLogPublisher.removeObserver(observe)
    assert caught.value.refused
    assert [line for line in [*logged, str(caught.value)] if "wr0ng" in line] == []


@ensureDeferred
async def test_a_certificate_that_nobody_trusts_ends_it() -> None:
    async with office(_certificate()) as (opened, port):
        with pytest.raises(NotDelivered, match=r"^its certificate is not trusted$"):
            await send(channel(port, security="starttls"))
        assert opened.mails == []


@ensureDeferred
async def test_where_no_tls_is_wanted_none_is_tried() -> None:
    async with office(_certificate()) as (opened, port):
        await send(channel(port, security="none"))
    assert len(opened.mails) == 2


@ensureDeferred
async def test_a_server_without_the_tls_that_is_wanted_gets_nothing() -> None:
    async with office() as (opened, port):
        with pytest.raises(NotDelivered, match=r"^answered 502 .* TLS") as caught:
            await send(channel(port, security="starttls"))
    assert (caught.value.refused, opened.mails) == (True, [])


@ensureDeferred
async def test_one_bad_recipient_keeps_it_from_nobody_else() -> None:
    logged: list[str] = []
    globalLogPublisher.addObserver(observe := lambda e: logged.append(formatEvent(e)))
    async with office(unknown=("lab@example.org",)) as (opened, port):
        await send(channel(port))
    globalLogPublisher.removeObserver(observe)
    assert (len(opened.mails), opened.to) == (1, ["ops@example.org"])
    expected = "alerts: lab@example.org gets no mail: 550"
    assert [line for line in logged if "gets no mail" in line] == [expected]


@ensureDeferred
async def test_bad_recipients_only_are_a_refusal() -> None:
    async with office(unknown=("lab@example.org", "ops@example.org")) as (_, port):
        with pytest.raises(NotDelivered, match=r"^answered 550 ") as caught:
            await send(channel(port))
    assert caught.value.refused


@ensureDeferred
async def test_who_says_no_goodbye_is_left_with_the_next_message() -> None:
    async with office(says_goodbye=False) as (opened, port):
        mail = Mail(channel(port), SERVER, reactor)
        for _ in range(3):
            await mail.send(MESSAGE)
            await turns()
            assert len(opened.connections.open) == 1
    assert len(opened.mails) == 6


@ensureDeferred
async def test_two_at_once_do_not_disturb_each_other() -> None:
    async with office() as (opened, port):
        mail = Mail(channel(port), SERVER, reactor)
        both = [Deferred.fromCoroutine(mail.send(MESSAGE)) for _ in range(2)]
        for sending in both:
            await sending
    assert len(opened.mails) == 4


@ensureDeferred
async def test_nobody_there_is_a_line() -> None:
    async with office() as (_, port):
        pass
    with pytest.raises(NotDelivered, match=r"^cannot connect: ConnectionRefusedError$"):
        await send(channel(port))


def test_a_password_that_cannot_be_read_is_a_line() -> None:
    to = channel(25, security="tls", user="bob", password_file="/nonexistent/secret")
    heard: list[Any] = []
    send(to).addErrback(lambda failure: heard.append(str(failure.value)))
    assert heard == ["/nonexistent/secret: No such file or directory"]


class Bad(Protocol):
    """Says `greeting`, and once more at each line it hears."""

    def __init__(self, greeting: bytes, connections: Connections) -> None:
        self._greeting, self._connections = greeting, connections

    def connectionMade(self) -> None:
        self._connections.open.append(self)
        self.dataReceived(b"")

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self._greeting)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._connections.end(self)


@asynccontextmanager
async def bad(greeting: bytes) -> AsyncIterator[tuple[int, Deferred[None]]]:
    """Its port, and what fires when somebody calls."""
    connections, called = Connections(), Deferred[None]()

    class Bads(Factory):
        noisy = False

        def buildProtocol(self, _: object) -> Bad:
            called.callback(None)
            return Bad(greeting, connections)

    port = reactor.listenTCP(0, Bads(), interface="127.0.0.1")  # type: ignore[attr-defined]
    try:
        yield port.getHost().port, called
    finally:
        await maybeDeferred(port.stopListening)
        await connections.all_over()


@pytest.mark.parametrize(
    ("greeting", "refused"), [(b"421 not now\r\n", False), (b"554 go away\r\n", True)]
)
@ensureDeferred
async def test_a_server_that_greets_with_no(greeting: bytes, refused: bool) -> None:
    async with bad(greeting) as (port, _):
        with pytest.raises(NotDelivered, match=r"^answered ") as caught:
            await send(channel(port))
    assert caught.value.refused == refused


@ensureDeferred
async def test_a_server_that_talks_for_ever_is_cut_off() -> None:
    async with bad(b"220-x\r\n" * 20_000) as (port, _):
        with pytest.raises(NotDelivered, match=r"^cannot connect: ConnectionAborted$"):
            await send(channel(port))


@ensureDeferred
async def test_a_server_that_hangs_is_left_when_its_time_is_over() -> None:
    clock = Clock()

    class Timed:
        callLater = clock.callLater
        connectTCP = reactor.connectTCP  # type: ignore[attr-defined]

    async with bad(b"") as (port, called):
        sending = Deferred.fromCoroutine(
            Mail(channel(port), SERVER, Timed()).send(MESSAGE)
        )
        await called
        clock.advance(20)
        with pytest.raises(NotDelivered, match=r"^no answer within 20 s$"):
            await sending
    assert clock.getDelayedCalls() == []


@ensureDeferred
async def test_a_server_that_quotes_the_password_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    async with bad(f"554 {PASSWORD} is wrong\r\n".encode()) as (port, _):
        secret = str(tmp_path / "password")
        with pytest.raises(NotDelivered, match=r"^answered 554 \*\*\* is wrong$"):
            await send(channel(port, user="bob", password_file=secret))
