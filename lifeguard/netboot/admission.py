"""Whose request is answered now, when nobody can tell whether the sender is real.

An address in a request may be forged, and what is sent to it then hits somebody who
never asked. So few transfers are open at once to addresses that have not answered;
an answer proves the address, for it takes a port number that only we have told.
Times are seconds of one monotonic clock. What is asked for does not belong here.

Promised, however much is asked: a request that nobody stands by gets six copies of one
packet within 13 s, each of 516 bytes, or an OACK of less than twice its own length;
where there is no room it gets nothing, and where there is no file one ERROR. An
address that does not answer gets 24 such copies a second, and all that are in no
inventory together 480. `python -m benchmarks.tftp.hostile` shows it.
"""

from __future__ import annotations

from collections import Counter, deque
from socket import inet_aton
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Network

    from lifeguard.netboot.connection import Client

MOST_OF_ONE = 8
"""Transfers to one address that has not answered them."""

MOST_OF_STRANGERS = 1024
"""The same, to all addresses that are not in the inventory: each is open for up to
13 s, so that no more than 80 a second go on for long."""

SLOW = 1.0
"""Seconds after which one that has not answered gives way to a newer request. Until
then it counts, also when it is over: each begins with a packet to somebody."""

MOST_WAITING = 1024

WAIT = 1.0
"""Seconds after which a client that got no answer asks again by itself."""


class Admission:
    """Counts the transfers that nobody has answered.

    `known` tells of the inventory's addresses. `networks` are those that are served
    at all.
    """

    def __init__(
        self, known: Callable[[str], bool], networks: Sequence[IPv4Network]
    ) -> None:
        self._known = known
        self._served = [range(int(each[0]), int(each[-1]) + 1) for each in networks]
        self._unanswered: dict[str, dict[Client, float]] = {}
        """By address: who was admitted, and when, the longest ago first."""
        self._strangers: set[Client] = set()
        self._over: deque[tuple[float, str, bool]] = deque()
        """Those that ended without an answer: until when they count, the address, and
        whether it is a stranger's."""
        self._over_of: Counter[str] = Counter()
        self._over_of_strangers = 0
        self._answered: dict[str, dict[Client, float]] = {}
        """The same of those whose transfer goes on."""

    def serves(self, address: str) -> bool:
        """Whether anything at all is sent to an address."""
        number = int.from_bytes(inet_aton(address))
        return any(number in addresses for addresses in self._served)

    def admits(self, client: Client, now: float) -> bool:
        """Whether there is room for a transfer that begins.

        Each that goes on to an address makes room for two more: somebody is there,
        and many boards may share an address.
        """
        if self._over:
            self._forget_over(now)
        address = client.address
        most = MOST_OF_ONE + 2 * len(self._answered.get(address, ()))
        unanswered = len(self._unanswered.get(address, ()))
        if unanswered + self._over_of.get(address, 0) >= most:
            return False
        strangers = len(self._strangers) + self._over_of_strangers
        return strangers < MOST_OF_STRANGERS or self._known(address)

    def enter(self, client: Client, now: float) -> None:
        """A transfer begins."""
        self._unanswered.setdefault(client.address, {})[client] = now
        if not self._known(client.address):
            self._strangers.add(client)

    def answer(self, client: Client, now: float) -> None:
        """The client has said something about its transfer."""
        self._remove(client)
        self._answered.setdefault(client.address, {})[client] = now

    def leave(self, client: Client, now: float) -> None:
        """Its transfer is over."""
        entered = self._unanswered.get(client.address, {}).get(client)
        if entered is not None and now < entered + SLOW:
            is_stranger = client in self._strangers
            self._over.append((entered + SLOW, client.address, is_stranger))
            self._over_of[client.address] += 1
            self._over_of_strangers += is_stranger
        self._remove(client)

    def _forget_over(self, now: float) -> None:
        while self._over and self._over[0][0] <= now:
            _, address, is_stranger = self._over.popleft()
            self._over_of_strangers -= is_stranger
            self._over_of[address] -= 1
            if not self._over_of[address]:
                del self._over_of[address]

    def _remove(self, client: Client) -> None:
        self._strangers.discard(client)
        for by_address in (self._unanswered, self._answered):
            clients = by_address.get(client.address, {})
            clients.pop(client, None)
            if not clients:
                by_address.pop(client.address, None)

    def slowest(self, address: str, now: float) -> Client | None:
        """Who must give way, lest a forger should shut out the one he plays."""
        for client, entered in self._unanswered.get(address, {}).items():
            return client if now >= entered + SLOW else None
        return None


class Waiting:
    """Requests that there was no room for: many boards may share one address."""

    def __init__(self) -> None:
        self._requests: deque[tuple[float, bytes, Client]] = deque(maxlen=MOST_WAITING)

    def add(self, datagram: bytes, client: Client, now: float) -> None:
        """Keep a request for a while; the oldest goes when there are too many."""
        self._requests.append((now, datagram, client))

    def next(self, address: str, now: float) -> tuple[bytes, Client] | None:
        """Take out the oldest of this address that is not too late to be answered."""
        while self._requests and self._requests[0][0] + WAIT <= now:
            self._requests.popleft()
        for place, (_, datagram, client) in enumerate(self._requests):
            if client.address == address:
                del self._requests[place]
                return datagram, client
        return None
