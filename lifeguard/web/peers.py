"""Who is at the other end of a connection, and for whom a proxy speaks.

What a proxy says is believed only from those that the configuration names. Even theirs
is good for limits and for cookies, and never for a board's address: a proxy's
connections tell nothing of when the board has opened its own.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from twisted.internet import address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from twisted.internet.interfaces import IAddress
    from twisted.web.http import Request

PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")
"""Whoever sends one of these speaks for somebody else."""

RECENT_ADDRESSES = 4096
"""To read one takes 5 us, and it is asked for several times a connection."""


class Proxies:
    """The proxies that are believed, by their networks."""

    def __init__(self, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._trusted = trusted

    def speaks_for_another(self, request: Request) -> bool:
        """Whether a proxy asks, be it believed or not."""
        if any(request.requestHeaders.hasHeader(name) for name in PROXY_HEADERS):
            return True
        peer = peer_address(request)
        return peer is not None and self.trusts(ip_address(peer))

    def client_address(self, request: Request) -> str | None:
        """Who asks: the last that no trusted proxy is; None where that is not told."""
        peer = peer_address(request)
        if peer is None or not self.trusts(ip_address(peer)):
            return peer
        for hop in reversed(_list(request, b"X-Forwarded-For")):
            try:
                client = _unmapped(ip_address(hop.decode("ascii")))
            except ValueError:
                return None
            if not self.trusts(client):
                return str(client)
        return None

    def is_secure(self, request: Request) -> bool:
        """Whether the client's own connection is TLS."""
        if request.isSecure():
            return True
        peer = peer_address(request)
        if peer is None or not self.trusts(ip_address(peer)):
            return False
        return _list(request, b"X-Forwarded-Proto")[-1:] == [b"https"]

    def trusts(self, one: IPv4Address | IPv6Address) -> bool:
        """Whether it is the address of one."""
        return any(one in network for network in self._trusted)


def peer_address(request: Request) -> str | None:
    """The IP address at the other end; None for a socket of another kind."""
    return ip_of(request.getClientAddress())


def ip_of(peer: IAddress) -> str | None:
    """The IP address of a peer; None for a socket of another kind."""
    if not isinstance(peer, address.IPv4Address | address.IPv6Address):
        return None
    return _plain(peer.host)


@lru_cache(RECENT_ADDRESSES)
def _plain(host: str) -> str:
    return str(_unmapped(ip_address(host)))


def _unmapped(given: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(given, IPv6Address) and given.ipv4_mapped is not None:
        return given.ipv4_mapped
    return given


def _list(request: Request, name: bytes) -> list[bytes]:
    """The members of a header that is a list, in however many lines."""
    lines = request.requestHeaders.getRawHeaders(name, [])
    return [member.strip() for line in lines for member in line.split(b",")]
