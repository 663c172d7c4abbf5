"""The TFTP server as a service: what it is made of, and when it listens."""

from __future__ import annotations

from ipaddress import IPv4Network
from select import epoll
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed

from lifeguard.netboot.admission import Admission
from lifeguard.netboot.connection import connect
from lifeguard.netboot.image_cache import ImageCache
from lifeguard.netboot.pump import Pump, Reactor
from lifeguard.netboot.request_port import RequestPort
from lifeguard.netboot.tftp import Requests, Resolver
from lifeguard.netboot.totals import TransferTotals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CACHE = 128 * 2**20
"""Bytes of memory for packets that are ready, unless it is said otherwise."""

ANYWHERE = (IPv4Network("0.0.0.0/0"),)


class TftpServer(Service):
    """TFTP on one address of this machine, or on all of them (0.0.0.0).

    `cache` is in bytes; `networks` are those that are served;
    `known` tells whether a board has that address; `totals` counts the transfers.
    """

    name = "tftp"

    def __init__(
        self,
        resolver: Resolver,
        reactor: Reactor,
        *,
        address: str = "0.0.0.0",
        port: int = 69,
        cache: int = CACHE,
        networks: Sequence[IPv4Network] = ANYWHERE,
        known: Callable[[str], bool] = lambda address: False,
        most_transfers: int = 4096,
        totals: TransferTotals | None = None,
    ) -> None:
        self._resolver = resolver
        self._cache = cache
        self._admission = Admission(known, networks)
        self._most_transfers = most_transfers
        self._totals = totals or TransferTotals()
        self._reactor = reactor
        self._address = address
        self._wanted_port = port
        self._listening: RequestPort | None = None

    @property
    def port(self) -> int:
        """The port bound, also when 0 was asked for; an error before `listen`."""
        if self._listening is None:
            raise RuntimeError("the TFTP server does not listen")
        number: int = self._listening.getHost().port
        return number

    def listen(self) -> None:
        """Bind the port, once; raises CannotListenError."""
        if self._listening is None:
            pump = Pump(self._reactor, epoll())
            requests = Requests(
                self._resolver,
                self._reactor,
                pump,
                ImageCache(self._cache),
                connect,
                self._admission,
                self._most_transfers,
                self._totals,
            )
            listening = RequestPort(
                self._wanted_port,
                requests,
                self._address,
                reactor=self._reactor,
                ear=pump,
            )
            listening.startListening()
            self._listening = listening

    def privilegedStartService(self) -> None:
        """Port 69 is root's: bind it while there is still root."""
        super().privilegedStartService()
        self.listen()

    def startService(self) -> None:
        super().startService()
        self.listen()

    def stopService(self) -> Deferred[None]:
        """Stop listening and end all transfers."""
        super().stopService()
        listening, self._listening = self._listening, None
        if listening is None:
            return succeed(None)
        return maybeDeferred(listening.stopListening)
