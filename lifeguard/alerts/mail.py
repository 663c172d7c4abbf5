"""Sends messages by SMTP, with STARTTLS, TLS or neither; logs in where it is told to.

Without TLS nobody logs in, as `check_alerts` sees to: no password is said in the clear.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, TypeVar

from OpenSSL.SSL import Error as TlsError
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionDone, DNSLookupError
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.mail.smtp import ESMTPSender, ESMTPSenderFactory, SMTPClientError

from lifeguard.alerts.delivery import SEND_SECONDS, NotDelivered
from lifeguard.alerts.letter import letter
from lifeguard.config.alerts import PORTS, read_password
from lifeguard.config.reader import reason_of
from lifeguard.power.errors import printable

if TYPE_CHECKING:
    from twisted.internet.interfaces import ITCPTransport

    from lifeguard.config.alerts import AlertChannel
    from lifeguard.model import Message
    from lifeguard.netboot.parameters import Server

log = Logger()

Answer = TypeVar("Answer")

CONNECTION_BYTES: Final = 1 << 16
"""More than a server says of itself and of some hundred recipients."""

SHOWN: Final = 100
"""How many characters of an answer stand in an error."""


class Mail:
    """One mail for each message, to all its recipients."""

    def __init__(self, channel: AlertChannel, server: Server, reactor: Any) -> None:
        self._channel, self._server, self._reactor = channel, server, reactor
        self._last: _Factory | None = None

    async def send(self, message: Message) -> None:
        """Done when the server has taken it; fails with NotDelivered."""
        channel = self._channel
        try:
            password = read_password(channel)
        except (OSError, ValueError) as error:
            reason = f"{channel.password_file}: {reason_of(error)}"
            raise NotDelivered(reason) from None
        data = letter(message, self._server, channel)
        try:
            sending = self._post(data, password)
            _, answers = await sending.addTimeout(SEND_SECONDS, self._reactor)
        except TimeoutError:
            raise NotDelivered(f"no answer within {SEND_SECONDS:g} s") from None
        except SMTPClientError as error:
            raise _not_delivered(error, password) from None
        for recipient, code, _ in answers:
            if not 200 <= code < 300:
                who, form = recipient.decode(), "alerts: {who} gets no mail: {code}"
                log.warn(form, who=who, code=code)

    def _post(self, data: bytes, password: str | None) -> Deferred[Any]:
        sent: Deferred[Any] = Deferred(lambda _: factory.end())
        factory = self._factory(data, password, sent)
        factory.connector = self._connect(factory)
        return sent.addBoth(self._ended, factory)

    def _factory(
        self, data: bytes, password: str | None, sent: Deferred[Any]
    ) -> _Factory:
        channel, is_safe = self._channel, self._channel.security != "none"
        return _Factory(
            (channel.user or "").encode(),
            (password or "").encode(),
            channel.sender,
            channel.to,
            BytesIO(data),
            sent,
            retries=0,
            heloFallback=True,
            requireAuthentication=password is not None,
            requireTransportSecurity=is_safe,
            # Without one, whatever TLS the server offers is left alone.
            hostname=channel.host if is_safe else None,
        )

    def _connect(self, factory: _Factory) -> Any:
        host, security = self._channel.host or "", self._channel.security
        port = self._channel.port or PORTS[security]
        if security != "tls":
            return self._reactor.connectTCP(host, port, factory)
        tls = optionsForClientTLS(host)
        return self._reactor.connectSSL(host, port, factory, tls)

    def _ended(self, result: Answer, factory: _Factory) -> Answer:
        """A server may say goodbye until the next message has come to its end."""
        last, self._last = self._last, factory
        if last is not None:
            last.end()
        return result


class _Sender(ESMTPSender):
    transport: ITCPTransport
    _received = 0

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._received += len(data)
        if self._received > CONNECTION_BYTES:
            self.transport.abortConnection()


class _Factory(ESMTPSenderFactory):
    noisy = False
    protocol = _Sender
    connector: Any = None

    def end(self) -> None:
        """Nobody waits for it any more: nor for a server that says no goodbye."""
        self.sendFinished = True
        if self.connector.state == "connected":
            self.connector.transport.abortConnection()
        else:
            self.connector.disconnect()


def _not_delivered(error: SMTPClientError, password: str | None) -> NotDelivered:
    """What the server said; the texts of Twisted's errors hold the whole login."""
    cause = error.__cause__
    if cause is not None:
        return NotDelivered(_no_connection(cause))
    said = error.resp if isinstance(error.resp, bytes) else str(error.resp).encode()
    line = " ".join(said.decode("utf-8", "replace").split())
    if password:
        line = line.replace(password, "***")
    shown = line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
    refused = 500 <= error.code < 600
    return NotDelivered(f"answered {error.code} {printable(shown)}", refused=refused)


def _no_connection(cause: BaseException) -> str:
    if isinstance(cause, TlsError):
        return "its certificate is not trusted"
    if isinstance(cause, DNSLookupError):
        return "no such host"
    if isinstance(cause, ConnectionDone):
        return "it hung up"
    return f"cannot connect: {type(cause).__name__}"
