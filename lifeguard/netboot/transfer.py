"""One file on its way to one client: the sliding window of RFC 1350 and RFC 7440.

Pure: packets and the time go in, packets come out; times are seconds of one
monotonic clock. An OACK is sent and acknowledged as block 0. Blocks are numbered
without end here and roll over only in the packets.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING

from lifeguard.wire.tftp import Ack, Data, Error, Malformed, Oack, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.netboot.files import Content
    from lifeguard.netboot.negotiation import Terms

DATA_HEADER = 4
"""Bytes before the payload of a DATA packet."""

PATIENCE = 60.0
"""Seconds without progress; a switch that has lost its tree takes 30 of them."""


class Outcome(Enum):
    """How a transfer ended."""

    FINISHED = "finished"
    PROBED = "probed"
    """The client only wanted to hear the options or the size."""
    ABORTED = "aborted"
    GAVE_UP = "gave up"


class RetransmissionTimer:
    """How long to wait for an ACK (RFC 6298, with the floor that a LAN allows)."""

    FIRST = 0.25
    SHORTEST = 0.05

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._variation = 0.0
        self.round_trip: float | None = None
        """Seconds, smoothed; None before anything was measured."""
        self.wait = self.FIRST

    def measured(self, seconds: float) -> None:
        """An ACK came after that time, for packets that were sent only once."""
        if self.round_trip is None:
            self.round_trip, self._variation = seconds, seconds / 2
        else:
            deviation = abs(self.round_trip - seconds)
            self._variation += (deviation - self._variation) / 4
            self.round_trip += (seconds - self.round_trip) / 8
        wait = self.round_trip + 4 * self._variation
        self.wait = min(max(wait, self.SHORTEST), self._longest)

    def expired(self) -> None:
        """Nothing came; a measurement ends the back-off, an ACK alone does not."""
        self.wait = min(self.wait * 2, self._longest)


class Transfer:
    """Sends `content` on `terms`, which were negotiated before.

    Each method returns the packets to send now, in order. `on_timer` is to be called
    at `wakeup`, and nothing more once there is an `outcome`. Raises what the content
    raises: OSError.
    """

    def __init__(self, content: Content, terms: Terms) -> None:
        self._content = content
        self._terms = terms
        self._packets = _packets(content, terms)
        self._timer = RetransmissionTimer(longest=min(5.0, terms.timeout or 5.0))
        self._window: deque[bytes] = deque()
        """Packets sent and not acknowledged."""
        self._first_packet: list[bytes] = []
        self._acknowledged = -1 if terms.granted else 0
        self._last_sent = False
        self._timed: tuple[int, float] | None = None
        """A block that was sent only once, and when."""
        self._window_sent_at = self._resend_at = self._give_up_at = 0.0
        self.outcome: Outcome | None = None
        self.bytes_sent = 0
        """Bytes of the file; what was sent again is not counted again."""
        self.retransmits = 0
        """Packets sent again."""

    @property
    def wakeup(self) -> float:
        """When `on_timer` has something to do."""
        return min(self._resend_at, self._give_up_at)

    @property
    def begun(self) -> bool:
        """The client has acknowledged a block of the file."""
        return self._acknowledged > 0

    def start(self, now: float) -> list[bytes]:
        """The OACK, or the first window when there is nothing to say in one."""
        self._progressed(now)
        if self._terms.granted:
            self._timed = 0, now
            self._window.append(bytes(Oack(self._terms.granted)))
        else:
            self._send_new(now)
        self._first_packet = list(self._window)
        return self._first_packet

    def on_packet(self, datagram: bytes, now: float) -> list[bytes]:
        """What the client sent; anything that is no ACK or ERROR is ignored."""
        try:
            packet = parse(datagram)
        except Malformed:
            return []
        if isinstance(packet, Ack):
            return self._on_ack(packet.block, now)
        if isinstance(packet, Error):
            self.outcome = self._broken_off
        return []

    def on_request_again(self) -> list[bytes]:
        """A copy of the request: the first packet again, until the file has `begun`."""
        return [] if self.begun else self._again(self._first_packet)

    def on_timer(self, now: float) -> list[bytes]:
        """The client is silent: everything after the last acknowledged block again."""
        if now >= self._give_up_at:
            self.outcome = Outcome.FINISHED if self._last_sent else Outcome.GAVE_UP
            return []
        if now < self._resend_at:
            return []
        self._timer.expired()
        return self._resend(now)

    def on_client_gone(self) -> None:
        """The client's port is closed; few wait for their last ACK to arrive."""
        self.outcome = Outcome.FINISHED if self._last_sent else self._broken_off

    def close(self) -> None:
        """Give the content back."""
        self._content.close()

    @property
    def _broken_off(self) -> Outcome:
        return Outcome.ABORTED if self.begun else Outcome.PROBED

    def _on_ack(self, block: int, now: float) -> list[bytes]:
        count = (block - self._acknowledged) & 0xFFFF
        if count > len(self._window):
            return []
        if count == 0:
            return self._restart(now)
        self._acknowledge(count, now)
        return self._restart(now) + self._send_new(now)

    def _acknowledge(self, count: int, now: float) -> None:
        for _ in range(count):
            self._window.popleft()
        self._acknowledged += count
        if self._timed is not None and self._acknowledged >= self._timed[0]:
            self._timer.measured(now - self._timed[1])
            self._timed = None
        self._progressed(now)

    def _progressed(self, now: float) -> None:
        self._give_up_at = now + PATIENCE
        self._resend_at = now + self._timer.wait

    def _restart(self, now: float) -> list[bytes]:
        """The rest of a window that the client did not get whole.

        At most once a round trip: an ACK for every stray block says the same thing.
        Without a window it never happens: a duplicate ACK says nothing (RFC 1123).
        """
        round_trip = self._timer.round_trip
        if self._terms.window_size == 1 or round_trip is None:
            return []
        if now - self._window_sent_at < round_trip / 2:
            return []
        return self._resend(now)

    def _send_new(self, now: float) -> list[bytes]:
        """As many packets as the window has room for; without any left, the end."""
        if not self._window:
            self._window_sent_at = now
        room = self._terms.window_size - len(self._window)
        new = list(islice(self._packets, room))
        self._window.extend(new)
        if not self._window:
            self.outcome = Outcome.FINISHED
        if new:
            self._count(new, now)
        return new

    def _count(self, new: list[bytes], now: float) -> None:
        if self._timed is None:
            self._timed = self._acknowledged + len(self._window), now
        payloads = [len(packet) - DATA_HEADER for packet in new]
        self.bytes_sent += sum(payloads)
        self._last_sent = payloads[-1] < self._terms.block_size

    def _resend(self, now: float) -> list[bytes]:
        self._window_sent_at = now
        self._resend_at = now + self._timer.wait
        return self._again(list(self._window))

    def _again(self, packets: list[bytes]) -> list[bytes]:
        """Sent twice, no longer good for measuring (Karn's algorithm)."""
        self._timed = None
        self.retransmits += len(packets)
        return packets


def _packets(content: Content, terms: Terms) -> Iterator[bytes]:
    blocks = _netascii if terms.mode == "netascii" else _octet
    for number, payload in enumerate(blocks(content, terms.block_size), start=1):
        yield bytes(Data(number & 0xFFFF, payload))


def _octet(content: Content, block_size: int) -> Iterator[bytes]:
    """The last block is short, and empty where the size is a multiple."""
    for offset in range(0, content.size + 1, block_size):
        yield content.read(offset, block_size)


def _netascii(content: Content, block_size: int) -> Iterator[bytes]:
    text = b""
    for block in _octet(content, block_size):
        text += block.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
        while len(text) >= block_size:
            yield text[:block_size]
            text = text[block_size:]
    yield text
