"""A board's network interface: real sockets, all on the board's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import Protocol, ServerFactory
from twisted.web.client import Agent

from lifeguard.simulator.events import Reporter
from lifeguard.simulator.transfer import Address, Transfer

if TYPE_CHECKING:
    from random import Random

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IListeningPort, ITCPTransport

    from lifeguard.simulator.faults import Faults
    from lifeguard.simulator.reactor import IReactor

CONNECT_SECONDS = 2.0
MOST_BYTES = 2048
"""Of one datagram: more than any block asked for."""


class Greeting(Protocol):
    """Says hello and hangs up, so that a power cut leaves no connection behind."""

    transport: ITCPTransport

    def connectionMade(self) -> None:
        self.transport.write(b"lifeguard-simulator\r\n")
        self.transport.loseConnection()


class Greeter(ServerFactory):
    """What runs on the service port."""

    noisy = False
    protocol = Greeting


class Loopback:
    """The `Network` of the board at `address`.

    `server` is where TFTP is asked; where to report, a boot config says.
    """

    def __init__(
        self,
        reactor: IReactor,
        address: str,
        server: Address,
        service_port: int,
        faults: Faults,
        random: Random,
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._server = server
        self._service_port = service_port
        self._faults = faults
        self._random = random
        agent = Agent(reactor, connectTimeout=CONNECT_SECONDS, bindAddress=(address, 0))
        self._reporter = Reporter(agent, reactor, faults, random)

    def fetch(self, name: str) -> Deferred[bytes]:
        transfer = Transfer(self._reactor, self._server, name, self._loses)
        self._reactor.listenUDP(0, transfer, self._address, MOST_BYTES)
        return transfer.result

    def report(self, url: str, event: str, token: str | None) -> Deferred[None]:
        return self._reporter.report(url, event, token)

    def open_service(self) -> IListeningPort:
        return self._reactor.listenTCP(
            self._service_port, Greeter(), interface=self._address
        )

    def _loses(self) -> bool:
        return self._random.random() < self._faults.loss
