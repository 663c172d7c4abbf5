"""How often an address may call, in a memory that is bounded however many call.

An address of IPv6 stands for its /64, which is what one machine has to choose from.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from lifeguard.web.errors import TooMany

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

MOST_ADDRESSES = 4096
"""Remembered by each limit; of more, those that called last."""


class Limit:
    """For each address `at_once` calls, and one more every `seconds`."""

    def __init__(self, clock: IReactorTime, at_once: int, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._ahead = at_once * seconds
        self._paid_until: dict[str, float] = {}
        """Clock seconds, by who called last: each call pays for `seconds` more."""

    def take(self, address: str) -> None:
        """Count a call; raises TooMany for one that is not allowed."""
        now, caller = self._clock.seconds(), client_of(address)
        before = max(now, self._paid_until.pop(caller, now))
        wait = before + self._seconds - self._ahead - now
        self._paid_until[caller] = before if wait > 0 else before + self._seconds
        if len(self._paid_until) > MOST_ADDRESSES:
            del self._paid_until[next(iter(self._paid_until))]
        if wait > 0:
            raise TooMany("too many calls from your address", wait)


@lru_cache(MOST_ADDRESSES)
def client_of(address: str) -> str:
    """Whom an address stands for, which of IPv6 is a network."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address
