"""One transfer's socket and timer: carries packets, decides nothing.

A socket of its own for every transfer, connected, so that the kernel keeps strangers
out and tells when the client has closed its port.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from lifeguard.wire.tftp import Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from lifeguard.netboot.transfer import Transfer

log = Logger()

_LARGEST_PACKET = 1024  # an ACK has 4 bytes, an ERROR a line of text
_PACKETS_AT_ONCE = 64  # no client keeps the others waiting for longer

_ERROR = bytes(Error(0))[:2]

# Linux; the socket module does not name them.
_IP_MTU_DISCOVER, _IP_PMTUDISC_DONT = 10, 0


class Client(NamedTuple):
    """Who asked, and at which of this machine's addresses: answers leave from there.

    PXELINUX drops what comes from any other.
    """

    address: str
    port: int
    asked: str


class Reactor(Protocol):
    """What transfers need of a reactor: its clock and its ear."""

    def seconds(self) -> float: ...

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object
    ) -> IDelayedCall: ...

    def addReader(self, reader: IReadDescriptor) -> None: ...

    def removeReader(self, reader: IReadDescriptor) -> None: ...


class Connection(Protocol):
    """A connected datagram socket that never waits."""

    def fileno(self) -> int: ...

    def recv(self, size: int, flags: int = 0, /) -> bytes: ...

    def send(self, datagram: bytes, /) -> int: ...

    def close(self) -> None: ...


def connect(client: Client) -> socket.socket:
    """A socket from a free port of the address asked to `client`; raises OSError."""
    with ExitStack() as opened:
        connection = opened.enter_context(
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        )
        connection.setblocking(False)
        # The don't-fragment bit confuses PXE ROMs.
        connection.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        connection.bind((client.asked, 0))
        connection.connect((client.address, client.port))
        opened.pop_all()
    return connection


@implementer(IReadDescriptor)
class Pump:
    """Carries `transfer` between its `connection` and the reactor.

    Whatever goes wrong ends this transfer and no other. `ended` is called once.
    `label` is what the log calls the transfer.
    """

    def __init__(
        self,
        transfer: Transfer,
        connection: Connection,
        reactor: Reactor,
        label: str,
        ended: Callable[[], object],
    ) -> None:
        self._transfer = transfer
        self._connection = connection
        self._reactor = reactor
        self._label = label
        self._ended = ended
        self._started = reactor.seconds()
        self._timer: IDelayedCall | None = None
        self.stopped = False

    def start(self) -> None:
        """Send the first packets and begin to listen."""
        self._reactor.addReader(self)
        self._step(self._transfer.start, self._reactor.seconds())

    def takes_copy(self) -> bool:
        """Answer a copy of the request; False when it must be a new request.

        A client that ended this transfer before it asked again may have been read in
        the other order: its ERROR waits on another socket than its request.
        """
        if self._error_is_waiting():
            self.doRead()
        if self.stopped or self._transfer.begun:
            return False
        self._step(self._transfer.on_request_again)
        return True

    def stop(self) -> None:
        """End now, whatever has been sent; a second time does nothing."""
        if self.stopped:
            return
        self.stopped = True
        if self._timer is not None:
            self._timer.cancel()
        self._reactor.removeReader(self)
        self._connection.close()
        self._transfer.close()
        self._report()
        self._ended()

    def doRead(self) -> None:
        """Take what has arrived."""
        for _ in range(_PACKETS_AT_ONCE):
            if self.stopped:
                return
            try:
                datagram = self._connection.recv(_LARGEST_PACKET)
            except BlockingIOError:
                return
            except OSError:  # the kernel tells only the ICMP messages that are final
                self._transfer.on_client_gone()
                return self.stop()
            self._step(self._transfer.on_packet, datagram, self._reactor.seconds())

    def fileno(self) -> int:
        return self._connection.fileno()

    def logPrefix(self) -> str:
        return "tftp"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops, or met an error that is still to be read."""
        self.doRead()
        self.stop()

    def _error_is_waiting(self) -> bool:
        try:
            waiting = self._connection.recv(_LARGEST_PACKET, socket.MSG_PEEK)
        except OSError:
            return False
        return waiting.startswith(_ERROR)

    def _step(self, step: Callable[..., list[bytes]], *args: object) -> None:
        try:
            packets = step(*args)
        except OSError as error:
            log.error("{label}: {error}", label=self._label, error=error)
            return self.stop()
        except Exception:
            log.failure("{label}: a fault of ours", label=self._label)
            return self.stop()
        self._send(packets)
        if self._transfer.outcome is not None:
            return self.stop()
        self._arm()

    def _send(self, packets: list[bytes]) -> None:
        for packet in packets:
            try:
                self._connection.send(packet)
            except ConnectionRefusedError:
                return self._transfer.on_client_gone()
            except OSError:  # a full queue is as good as a loss on the wire
                return

    def _arm(self) -> None:
        delay = max(0.0, self._transfer.wakeup - self._reactor.seconds())
        if self._timer is None:
            self._timer = self._reactor.callLater(delay, self._on_timer)
        else:
            self._timer.reset(delay)

    def _on_timer(self) -> None:
        self._timer = None
        self._step(self._transfer.on_timer, self._reactor.seconds())

    def _report(self) -> None:
        outcome = self._transfer.outcome
        log.info(
            "{label} {outcome}: {bytes} bytes in {seconds:.2f} s,"
            " {retransmits} packets sent again",
            label=self._label,
            outcome="stopped" if outcome is None else outcome.value,
            bytes=self._transfer.bytes_sent,
            seconds=self._reactor.seconds() - self._started,
            retransmits=self._transfer.retransmits,
        )
