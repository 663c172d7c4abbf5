"""How many connections an address may have open, lest one takes all file handles.

One too many is closed without an answer: to a board that is a reason to come again,
which 429, as any 4xx, is not.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from lifeguard.sparse_log import SparseLog
from lifeguard.web.limits import client_of
from lifeguard.web.peers import ip_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport

    from lifeguard.web.peers import Proxies

log = Logger()


class Connections:
    """Those that are open: at most `most` of an address that is not exempt.

    Exempt are this machine, trusted proxies and sockets that have no address.
    """

    def __init__(self, most: int, proxies: Proxies, clock: IReactorTime) -> None:
        self._most, self._proxies = most, proxies
        self.open: Counter[str | None] = Counter()
        """By address; None for a socket that has none."""
        self._log = SparseLog(log, clock.seconds)

    def admits(self, peer: IAddress) -> bool:
        """Whether one more may be opened; that none may is logged now and then."""
        client = _client(peer)
        if self.open[client] < self._most or self._is_exempt(peer):
            return True
        self._log.info(
            "{client} has {most} connections open: no more are taken from there",
            about=client,
            client=client,
            most=self._most,
        )
        return False

    def opened(self, peer: IAddress) -> None:
        """One more is."""
        self.open[_client(peer)] += 1

    def closed(self, peer: IAddress) -> None:
        """One is no more."""
        client = _client(peer)
        self.open[client] -= 1
        if not self.open[client]:
            del self.open[client]

    def _is_exempt(self, peer: IAddress) -> bool:
        if (address := ip_of(peer)) is None:
            return True
        parsed = ip_address(address)
        return parsed.is_loopback or self._proxies.trusts(parsed)


def _client(peer: IAddress) -> str | None:
    address = ip_of(peer)
    return None if address is None else client_of(address)


class Unwelcome(Protocol):
    """A connection that is one too many."""

    def connectionMade(self) -> None:
        cast("ITCPTransport", self.transport).abortConnection()
