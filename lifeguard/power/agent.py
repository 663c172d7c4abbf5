"""Twisted's HTTP client for devices: quiet in the log, and no ear for endless talk.

What a device may say before its answer, headers and provisional answers (1xx), has no
limit in Twisted, which logs each of the latter and the begin and end of each request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Factory
from twisted.logger import Logger, LogPublisher
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import Agent, HTTPConnectionPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IAddress, ITCPTransport
    from twisted.web.iweb import IPolicyForHTTPS

CONNECTION_BYTES = 1 << 19
"""Room for an answer and its headers; the connection that brings more is aborted."""

_UNHEARD = Logger(observer=LogPublisher())


def agent(reactor: Any, policy: IPolicyForHTTPS) -> Agent:
    """One that makes a connection for each request."""
    return Agent(reactor, policy, pool=_Pool(reactor, persistent=False))


class _Connection(HTTP11ClientProtocol):
    transport: ITCPTransport
    _received = 0

    def request(self, request: Any) -> Deferred[Any]:
        answered = super().request(request)
        assert self._parser is not None
        self._parser._log = _UNHEARD  # it tells of each provisional answer
        return answered

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._received += len(data)
        if self._received > CONNECTION_BYTES:
            self.transport.abortConnection()


class _Factory(Factory):
    noisy = False

    def __init__(self, on_quiescent: Callable[[Any], None], _description: str) -> None:
        self._on_quiescent = on_quiescent

    def buildProtocol(self, _address: IAddress | None) -> _Connection:
        return _Connection(self._on_quiescent)


class _Pool(HTTPConnectionPool):
    _factory = _Factory  # type: ignore[assignment]
