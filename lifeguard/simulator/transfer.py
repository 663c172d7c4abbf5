"""One TFTP read as PXELINUX does it: it wants options granted as asked, or none.

The timer here is the client's; a strange port is ignored, as by all loaders seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from lifeguard.wire.tftp import (
    Ack,
    Code,
    Data,
    Error,
    Malformed,
    Oack,
    Packet,
    Rrq,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime, IUDPTransport

BLOCK_SIZE = 1408
"""PXELINUX asks for this many bytes; a server without options sends 512."""
RETRY_SECONDS = 0.3
RETRIES = 10
"""So many repetitions without progress, and the server counts as silent."""

_OPTIONS = (("tsize", "0"), ("blksize", str(BLOCK_SIZE)))

Address = tuple[str, int]


class TransferError(Exception):
    """The file did not come; the message says why."""


class NotFound(TransferError):
    """The server says that there is no such file."""


class Transfer(DatagramProtocol):
    """Reads `name` from `server`; `result` fires with its bytes or TransferError.

    Cancelling `result` closes the socket and tells the server nothing. `lose` is
    asked once for each datagram, in either direction.
    """

    noisy = False
    transport: IUDPTransport

    def __init__(
        self, clock: IReactorTime, server: Address, name: str, lose: Callable[[], bool]
    ) -> None:
        self.result: Deferred[bytes] = Deferred(lambda _: self._close())
        self._clock = clock
        self._server = server
        self._name = name
        self._lose = lose
        self._peer: Address | None = None
        self._sent: Packet = Rrq(name, "octet", _OPTIONS)
        self._retries = 0
        self._timer: IDelayedCall | None = None
        self._block_size = 512
        self._promised_size: int | None = None
        self._blocks: list[bytes] = []

    def startProtocol(self) -> None:
        self._send(self._sent)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        if self._lose() or self.result.called or not self._is_peer(addr):
            return
        try:
            packet = parse(datagram)
        except Malformed:
            return
        match packet:
            case Error(code, text):
                self._fail(_refusal(code, f"{self._name}: {text}"))
            case Oack(options) if not self._blocks:
                self._peer = addr
                self._accept(options)
            case Data(block, payload):
                self._peer = addr
                self._take(block, payload)

    def _is_peer(self, address: Address) -> bool:
        if self._peer is None:
            return address[0] == self._server[0]
        return address == self._peer

    def _accept(self, options: tuple[tuple[str, str], ...]) -> None:
        for name, value in options:
            match name:
                case "blksize" if value.isdecimal() and 8 <= int(value) <= BLOCK_SIZE:
                    self._block_size = int(value)
                case "tsize" if value.isdecimal():
                    self._promised_size = int(value)
                case _:
                    return self._refuse(f"{name}={value}")
        self._progress(Ack(0))

    def _refuse(self, option: str) -> None:
        self._write(Error(Code.OPTIONS_REFUSED, f"{option} was not asked for"))
        self._fail(TransferError(f"{self._name}: bad option {option}"))

    def _take(self, block: int, payload: bytes) -> None:
        if block == len(self._blocks) % 65536 and self._blocks:
            # Our acknowledgement was lost, or the server's timer was too quick.
            return self._write(Ack(block))
        if block != (len(self._blocks) + 1) % 65536:
            return None
        self._blocks.append(payload)
        self._progress(Ack(block))
        if len(payload) < self._block_size:
            self._finish(b"".join(self._blocks))
        return None

    def _finish(self, data: bytes) -> None:
        if self._promised_size not in (None, len(data)):
            text = f"{self._name}: {len(data)} bytes, not {self._promised_size}"
            return self._fail(TransferError(text))
        self._close()
        self.result.callback(data)

    def _fail(self, error: TransferError) -> None:
        self._close()
        self.result.errback(error)

    def _progress(self, packet: Packet) -> None:
        self._retries = 0
        self._send(packet)

    def _send(self, packet: Packet) -> None:
        """Send it, and again until something moves on."""
        self._stop_timer()
        self._timer = self._clock.callLater(RETRY_SECONDS, self._retry)
        self._sent = packet
        self._write(packet)

    def _retry(self) -> None:
        self._timer = None
        self._retries += 1
        if self._retries > RETRIES:
            return self._fail(TransferError(f"{self._name}: the server is silent"))
        self._send(self._sent)

    def _write(self, packet: Packet) -> None:
        if not self._lose():
            self.transport.write(bytes(packet), self._peer or self._server)

    def _close(self) -> None:
        self._stop_timer()
        self.transport.stopListening()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _refusal(code: int, text: str) -> TransferError:
    return NotFound(text) if code == Code.NOT_FOUND else TransferError(text)
