"""Who may read what over TFTP: the requests on port 69, and the service around them.

A request is refused from this port or gets a transfer on a port of its own. One that
cannot be served just now is dropped, for the client asks again: U-Boot takes any
ERROR for the last word, or starts again at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from lifeguard.netboot.files import Content, NotFound
from lifeguard.netboot.negotiation import UnknownMode, negotiate
from lifeguard.netboot.pump import Client, Connection, Pump, Reactor, connect
from lifeguard.netboot.request_port import RequestPort
from lifeguard.netboot.transfer import Transfer
from lifeguard.wire.tftp import Code, Error, Malformed, Rrq, Wrq, parse

log = Logger()

Resolver = Callable[[str, str], Content]
"""From file name and client address to what is sent.

Raises Refused or NotFound for what is not to be had, and OSError when it cannot be
opened just now.
"""


class Refused(Exception):
    """What the client is told instead of a file."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class Requests(DatagramProtocol):
    """Answers the requests, and owns the transfers that come of them."""

    noisy = False
    transport: RequestPort

    def __init__(
        self,
        resolver: Resolver,
        reactor: Reactor,
        connect: Callable[[Client], Connection],
        most_transfers: int,
    ) -> None:
        self._resolver = resolver
        self._reactor = reactor
        self._connect = connect
        self._most_transfers = most_transfers
        self._transfers: dict[Client, tuple[bytes, Pump]] = {}
        """By client, with the datagram that asked."""
        self._dropping = False

    def stopProtocol(self) -> None:
        """End all transfers."""
        for _, transfer in list(self._transfers.values()):
            transfer.stop()

    def datagramReceived(self, datagram: bytes, addr: Client) -> None:  # type: ignore[override]
        """Serve, refuse, drop or ignore; never raises."""
        try:
            packet = parse(datagram)
        except Malformed:
            return
        if isinstance(packet, Wrq):
            self._refuse(addr, Code.ACCESS_VIOLATION, "Nothing is written here")
        elif isinstance(packet, Rrq) and not self._is_copy(datagram, addr):
            self._answer(packet, datagram, addr)

    def _is_copy(self, datagram: bytes, client: Client) -> bool:
        """Whether a running transfer has answered it; another one is ended.

        Firmware counts its ports from the same number at every boot, so what still
        runs for this port would go into the new file.
        """
        if client not in self._transfers:
            return False
        asked, transfer = self._transfers[client]
        if asked == datagram and transfer.takes_copy():
            return True
        transfer.stop()
        return False

    def _answer(self, request: Rrq, datagram: bytes, client: Client) -> None:
        if len(self._transfers) >= self._most_transfers:
            return self._drop("as many transfers as are allowed")
        try:
            transfer = self._begin(request, client)
        except Refused as refused:
            return self._refuse(client, refused.code, refused.text)
        except NotFound:
            return self._refuse(client, Code.NOT_FOUND, "File not found")
        except UnknownMode:
            return self._refuse(client, Code.ILLEGAL_OPERATION, "Unknown mode")
        except OSError as error:
            return self._drop(str(error))
        except Exception:
            log.failure("{client} {request!r}", client=client, request=request)
            return
        self._dropping = False
        self._transfers[client] = datagram, transfer
        transfer.start()

    def _begin(self, request: Rrq, client: Client) -> Pump:
        with ExitStack() as opened:
            content = self._resolver(request.filename, client.address)
            opened.callback(content.close)
            transfer = Transfer(content, negotiate(request, content.size))
            connection = self._connect(client)
            opened.pop_all()
        label = f"{client.address} {request.filename!r}"
        ended = partial(self._transfers.pop, client)
        return Pump(transfer, connection, self._reactor, label, ended)

    def _refuse(self, client: Client, code: Code, text: str) -> None:
        # What cannot be sent is as good as lost on the wire.
        with suppress(OSError):
            self.transport.write(bytes(Error(code, text)), client)

    def _drop(self, reason: str) -> None:
        if not self._dropping:
            log.warn("requests are dropped: {reason}", reason=reason)
        self._dropping = True


class TftpServer(Service):
    """TFTP on one address of this machine, or on all of them (0.0.0.0)."""

    name = "tftp"

    def __init__(
        self,
        resolver: Resolver,
        reactor: Reactor,
        *,
        address: str = "0.0.0.0",
        port: int = 69,
        most_transfers: int = 4096,
    ) -> None:
        self._requests = Requests(resolver, reactor, connect, most_transfers)
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
            listening = RequestPort(
                self._wanted_port,
                self._requests,
                self._address,
                reactor=self._reactor,
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
