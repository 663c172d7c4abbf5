"""Asking a device over HTTP: one request, one answer, by a deadline.

Each request has a connection of its own, as these devices serve few. What goes wrong
is one line that says what was asked and what came; a password is never in it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import quote

from msgspec import Struct
from OpenSSL.SSL import Error as TlsError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.ssl import CertificateOptions
from twisted.web.client import (
    BrowserLikePolicyForHTTPS,
    RequestTransmissionFailed,
    ResponseFailed,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer

from lifeguard.config.forms import Flag, Form, Text, matching
from lifeguard.config.places import BaseUrl
from lifeguard.power.agent import agent
from lifeguard.power.body import ANSWER_BYTES, TooLong, whole_body
from lifeguard.power.digest import DigestAgent
from lifeguard.power.errors import (
    BadAnswer,
    Disconnected,
    NoAnswer,
    Refused,
    SurplusAnswer,
    Unreachable,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IConsumer, IReactorTime
    from twisted.web.iweb import IAgent

SHOWN = 100
"""How many characters of an answer stand in an error."""


WORD = Form("letters, digits, dots, _ and -", matching("[A-Za-z0-9._-]+"))
"""What may stand in a URL as it is."""


class WebOptions(Struct, frozen=True, kw_only=True):
    """Where a device is, and how it knows us. `verify` False takes any certificate."""

    url: BaseUrl
    user: Text | None = None
    password: Annotated[str | None, Form("a text", str)] = None
    verify: Flag = True

    def __post_init__(self) -> None:
        if self.password is not None and self.user is None:
            raise ValueError("password needs a user")

    @property
    def address(self) -> str:
        """For people."""
        return self.url

    @property
    def digest(self) -> bool:
        """Whether the password is proved, and not sent."""
        return False


class Answer(NamedTuple):
    """What came; `asked` says to what, and neither has a password in it."""

    asked: str
    status: int
    text: str

    def json(self) -> Any:
        """The answer as JSON; BadAnswer where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            raise BadAnswer(f"no JSON in {self}") from None

    def __str__(self) -> str:
        line = " ".join(self.text.split()) or "nothing"
        shown = line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
        return f"the answer to {self.asked}: {self.status}, {printable(shown)}"


class Web:
    """A device's web server. `agent` is asked for URLs as they are: no redirects."""

    def __init__(self, clock: IReactorTime, agent: IAgent, options: WebOptions) -> None:
        self._clock, self._agent, self._url = clock, agent, options.url
        self._password = options.password or ""
        self._auth: tuple[str, str] | None = None
        if options.user and options.digest:
            self._agent = DigestAgent(agent, options.user, self._password)
        elif options.user:
            self._auth = options.user, self._password

    async def ask(
        self,
        method: str,
        path: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """What is answered; Refused where its status is not one of success.

        `body` is sent as JSON. What fails, fails with a RelayError.
        """
        answer = await self.answer(method, path, deadline, headers, body)
        if not 200 <= answer.status < 300:
            raise Refused(str(answer))
        return answer

    async def answer(
        self,
        method: str,
        path: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """The same, whatever the status."""
        asked = self._without_password(f"{method} {self._url}{path}")
        time_left = max(0.0, deadline - self._clock.seconds())
        request = self._request(method, path, headers or {}, body)
        try:
            asking = Deferred.fromCoroutine(request)
            status, text = await asking.addTimeout(time_left, self._clock)
        except TimeoutError:
            raise NoAnswer(f"no answer within {time_left:.3g} s: {asked}") from None
        except (ConnectError, DNSLookupError, ValueError) as error:
            # A ValueError is of a URL that cannot be: no such host, no such port.
            reason = printable(str(error)).rstrip(".")
            raise Unreachable(f"cannot be reached: {asked}: {reason}") from None
        except (ResponseFailed, RequestTransmissionFailed) as error:
            if error.reasons[0].check(TlsError):
                reason = "its certificate is not trusted"
                raise Unreachable(f"cannot be reached: {asked}: {reason}") from None
            # The texts could hold whatever the device has sent.
            reason = error.reasons[0].type.__name__
            raise Disconnected(f"no whole answer ({reason}): {asked}") from None
        except TooLong:
            raise SurplusAnswer(f"more than {ANSWER_BYTES} bytes: {asked}") from None
        return Answer(asked, status, self._without_password(text))

    async def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: object
    ) -> tuple[int, str]:
        # A client for one request: no device can fill our memory with cookies.
        sent = {**_JSON, **headers}
        client = HTTPClient(self._agent, data_to_body_producer=Sent)
        try:
            response = await client.request(
                method,
                self._url + path,
                headers=Headers({name: [text] for name, text in sent.items()}),
                auth=self._auth,
                data=None if body is None else json.dumps(body).encode(),
                allow_redirects=False,
                unbuffered=True,
            )
            return response.code, (await whole_body(response)).decode(errors="replace")
        except (ResponseFailed, RequestTransmissionFailed) as error:
            # That is how Agent says that it was cancelled.
            if error.reasons[0].check(CancelledError):
                raise CancelledError from None
            raise

    def _without_password(self, text: str) -> str:
        if not self._password:
            return text
        quoted = quote(self._password, safe="")
        return text.replace(self._password, "***").replace(quoted, "***")


def web(reactor: Any, options: WebOptions) -> Web:
    """A device's web server, over the network."""
    policy = BrowserLikePolicyForHTTPS() if options.verify else _AnyCertificate()
    return Web(reactor, agent(reactor, policy), options)


_JSON = {"Accept": "application/json", "Content-Type": "application/json"}


@implementer(IBodyProducer)
class Sent:
    """A body sent in one piece; treq's own takes the reactor of the process."""

    def __init__(self, data: bytes) -> None:
        self._data, self.length = data, len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It has ended by now; so for the rest."""

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


@implementer(IPolicyForHTTPS)
class _AnyCertificate:
    """Devices sign their own."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> CertificateOptions:
        return CertificateOptions(verify=False)
