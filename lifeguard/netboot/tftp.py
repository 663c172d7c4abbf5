"""The requests on port 69: who may read what over TFTP.

A request is refused from this port or gets a transfer on a port of its own. One that
cannot be served just now is dropped, for the client asks again: U-Boot takes any
ERROR for the last word, or starts again at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from lifeguard.netboot.admission import Waiting
from lifeguard.netboot.delivery import Delivery
from lifeguard.netboot.files import Content, NotFound
from lifeguard.netboot.negotiation import BLOCK_SIZE, UnknownMode, negotiate
from lifeguard.netboot.packets import HEADER, NetasciiPackets, OctetPackets, Packets
from lifeguard.netboot.totals import outcome_of
from lifeguard.netboot.transfer import Transfer
from lifeguard.sparse_log import SparseLog
from lifeguard.wire.tftp import Code, Error, Malformed, Rrq, Wrq, parse

if TYPE_CHECKING:
    from lifeguard.netboot.admission import Admission
    from lifeguard.netboot.connection import Client
    from lifeguard.netboot.delivery import Connection
    from lifeguard.netboot.image_cache import ImageCache
    from lifeguard.netboot.negotiation import Terms
    from lifeguard.netboot.pump import Pump, Reactor
    from lifeguard.netboot.request_port import RequestPort
    from lifeguard.netboot.totals import TransferTotals

log = Logger()

NO_SUCH_FILE = "No such file below the root"

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
    """Answers the requests, and knows the transfers that came of them."""

    noisy = False
    transport: RequestPort

    def __init__(
        self,
        resolver: Resolver,
        reactor: Reactor,
        pump: Pump,
        cache: ImageCache,
        connect: Callable[[Client], Connection],
        admission: Admission,
        most_transfers: int,
        totals: TransferTotals,
    ) -> None:
        self._resolver = resolver
        self._reactor = reactor
        self._pump = pump
        self._cache = cache
        self._connect = connect
        self._admission = admission
        self._waiting = Waiting()
        self._most_transfers = most_transfers
        self._totals = totals
        self._deliveries: dict[Client, tuple[bytes, Delivery]] = {}
        """By client, with the datagram that asked."""
        self._log = SparseLog(log, reactor.seconds)

    def startProtocol(self) -> None:
        """Requests may come from now on."""
        self._pump.open()

    def stopProtocol(self) -> None:
        """End all transfers."""
        self._pump.close()

    def datagramReceived(self, datagram: bytes, addr: Client) -> None:  # type: ignore[override]
        """Serve, refuse, drop or ignore; never raises."""
        if not self._admission.serves(addr.address):
            return self._drop(addr, "not in a network that is served")
        try:
            packet = parse(datagram)
        except Malformed:
            return
        if isinstance(packet, Wrq):
            self._refuse(packet, addr, Code.ACCESS_VIOLATION, "Nothing is written here")
        elif isinstance(packet, Rrq) and not self._is_copy(datagram, addr):
            self._answer(packet, datagram, addr)

    def _is_copy(self, datagram: bytes, client: Client) -> bool:
        """Whether a running transfer has answered it; another one is ended.

        Firmware counts its ports from the same number at every boot, so what still
        runs for this port would go into the new file.
        """
        if client not in self._deliveries:
            return False
        asked, delivery = self._deliveries[client]
        if asked == datagram and self._pump.takes_copy(delivery):
            return True
        self._pump.stop(delivery)
        return False

    def _answer(self, request: Rrq, datagram: bytes, client: Client) -> None:
        if len(self._deliveries) >= self._most_transfers:
            return self._drop(client, "as many transfers as are allowed")
        if not self._has_room(client):
            return self._waiting.add(datagram, client, self._reactor.seconds())
        try:
            delivery = self._delivery(request, client)
        except Refused as refused:
            return self._refuse(request, client, refused.code, refused.text)
        except NotFound:
            return self._refuse(request, client, Code.NOT_FOUND, NO_SUCH_FILE)
        except UnknownMode:
            return self._refuse(
                request, client, Code.ILLEGAL_OPERATION, "Neither octet nor netascii"
            )
        except OSError as error:
            return self._drop(client, error.strerror or str(error))
        except Exception:
            log.failure("{client} {request!r}", client=client, request=request)
            return
        self._deliveries[client] = datagram, delivery
        self._admission.enter(client, self._reactor.seconds())
        self._pump.start(delivery)

    def _has_room(self, client: Client) -> bool:
        now = self._reactor.seconds()
        if self._admission.admits(client, now):
            return True
        slowest = self._admission.slowest(client.address, now)
        if slowest is None:
            return False
        self._pump.stop(self._deliveries[slowest][1])
        return self._admission.admits(client, now)

    def _delivery(self, request: Rrq, client: Client) -> Delivery:
        content = self._resolver(request.filename, client.address)
        with ExitStack() as opened:
            opened.callback(content.close)
            connection = self._connect(client)
            opened.callback(connection.close)
            fits = min(BLOCK_SIZE, connection.largest_packet - HEADER)
            terms = _terms(request, content.size, block_size=fits)
            opened.pop_all()
        transfer = Transfer(self._packets(content, terms), terms)
        label = f"{client.address} {request.filename!r}"
        answered = partial(self._answered, client)
        begun = partial(content.sent, 0, min(1, content.size))
        ended = partial(self._ended, client, content, self._reactor.seconds())
        return Delivery(transfer, connection, label, answered, begun, ended)

    def _packets(self, content: Content, terms: Terms) -> Packets:
        if terms.mode == "netascii":
            return NetasciiPackets(content, terms.block_size)
        if (file := content.file) is not None:
            return self._cache.image(file, terms.block_size)
        return OctetPackets(content, terms.block_size)

    def _answered(self, client: Client) -> None:
        """One that has answered makes room for others that wait."""
        now = self._reactor.seconds()
        self._admission.answer(client, now)
        while self._admission.admits(client, now):
            if (waiting := self._waiting.next(client.address, now)) is None:
                return
            self.datagramReceived(*waiting)

    def _ended(
        self, client: Client, content: Content, began: float, delivery: Delivery
    ) -> None:
        del self._deliveries[client]
        now = self._reactor.seconds()
        self._admission.leave(client, now)
        transfer = delivery.transfer
        self._totals.count(transfer)
        if transfer.delivered:
            content.sent(0, content.size)
        self._log.info(
            "{label} {outcome}: {bytes} bytes in {seconds:.2f} s,"
            " {retransmits} packets sent again",
            label=delivery.label,
            outcome=outcome_of(transfer),
            bytes=transfer.bytes_sent,
            seconds=now - began,
            retransmits=transfer.retransmits,
        )

    def _refuse(
        self, request: Rrq | Wrq, client: Client, code: Code, reason: str
    ) -> None:
        # What cannot be sent is as good as lost on the wire.
        with suppress(OSError):
            self.transport.write(_error(code, reason), client)
        self._log.info(
            "{client} {filename!r} refused: {reason}",
            about=(client.address, reason),
            client=client.address,
            filename=request.filename,
            reason=reason,
        )

    def _drop(self, client: Client, reason: str) -> None:
        self._log.info(
            "{client}: requests are dropped: {reason}",
            about=reason,
            client=client.address,
            reason=reason,
        )


_terms = lru_cache(maxsize=64)(negotiate)  # boards of one kind ask the same


@lru_cache(maxsize=64)  # a storm is mostly of names that name nothing
def _error(code: Code, reason: str) -> bytes:
    return bytes(Error(code, reason))
