"""Asking boards over the real network, and telling their silence from our own.

Nothing is looked up by name: a board has an address. Nothing that a board sends is
kept: a connection is dropped as soon as it has answered.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

from OpenSSL.SSL import Connection
from treq.client import HTTPClient
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.web.client import Agent, RequestTransmissionFailed, ResponseFailed
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from lifeguard.health.checks import CannotPoll, Missed

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTCP, IStreamClientEndpoint
    from twisted.protocols.tls import TLSMemoryBIOProtocol
    from twisted.python.failure import Failure
    from twisted.web.client import URI
    from twisted.web.iweb import IAgent, IResponse

    from lifeguard.health.pinger import Pinger

# EHOSTUNREACH is not among them: it is what a board that is off looks like, when
# nobody on its own network answers for its address.
_OUR_OWN = {
    errno.EACCES,
    errno.EADDRNOTAVAIL,
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EPERM,
}


class Network:
    """The `Probes` of a running daemon.

    `agent` is asked for URLs as they are: no redirects, no cookies that a board
    could fill our memory with. `board_agent` makes one that fits.
    """

    def __init__(self, reactor: IReactorTCP, pinger: Pinger, agent: IAgent) -> None:
        self._reactor = reactor
        self._pinger = pinger
        self._agent = agent

    def ping(self, address: str) -> Deferred[None]:
        return self._pinger.ping(address)

    def connect(self, address: str, port: int) -> Deferred[None]:
        endpoint = TCP4ClientEndpoint(self._reactor, address, port)
        connecting = endpoint.connect(_HangUpFactory.forProtocol(_HangUp))
        return connecting.addCallbacks(_connected, _unanswered)

    def fetch(self, url: str) -> Deferred[None]:
        # A client for one request: no board can fill our memory with cookies.
        client = HTTPClient(self._agent)
        asked = client.get(url, allow_redirects=False, unbuffered=True)
        return asked.addCallbacks(_responded, _unanswered)


def board_agent(reactor: IReactorTCP) -> IAgent:
    """An HTTP client for `Network`: a connection for each request, HTTPS with any
    certificate, as boards sign their own and are only asked whether they answer."""
    agent: IAgent = Agent.usingEndpointFactory(reactor, _BoardEndpoints(reactor))
    return agent


class _HangUp(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class _HangUpFactory(Factory):
    noisy = False


def _connected(_: object) -> None:
    """The connection is the answer."""


def _responded(response: IResponse) -> None:
    body = Protocol()
    response.deliverBody(body)
    assert body.transport is not None
    body.transport.loseConnection()
    if not 200 <= response.code < 300:
        raise Missed(f"HTTP status {response.code}")


def _unanswered(failure: Failure) -> NoReturn:
    error = failure.value
    if isinstance(error, ResponseFailed | RequestTransmissionFailed):
        # The text could hold whatever the board has sent.
        raise Missed(f"no HTTP answer ({error.reasons[0].type.__name__})")
    if not isinstance(error, ConnectError) or error.osError is None:
        raise Missed(failure.getErrorMessage())
    if error.osError in _OUR_OWN:
        raise CannotPoll(os.strerror(error.osError))
    raise Missed(os.strerror(error.osError))


@implementer(IAgentEndpointFactory)
class _BoardEndpoints:
    """Agent's own would look addresses up in the thread pool."""

    def __init__(self, reactor: IReactorTCP) -> None:
        self._reactor = reactor
        self._any_certificate = _AnyCertificate()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        tcp = TCP4ClientEndpoint(self._reactor, uri.host.decode("ascii"), uri.port)
        if uri.scheme == b"https":
            return wrapClientTLS(self._any_certificate, tcp)
        return tcp


@implementer(IOpenSSLClientConnectionCreator)
class _AnyCertificate:
    def __init__(self) -> None:
        self._options = CertificateOptions()

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> Connection:
        return Connection(self._options.getContext(), None)
