"""One file on its way to one client: the sliding window of RFC 1350 and RFC 7440.

Pure: packets and the time go in, packets come out; times are seconds of one
monotonic clock. An OACK is sent and acknowledged as block 0. Blocks are numbered
without end here and roll over only in the packets.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from lifeguard.netboot.packets import NONE, answer_to
from lifeguard.wire.tftp import Ack, Error, Malformed, Oack, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.netboot.negotiation import Terms
    from lifeguard.netboot.packets import Packets, Ready
    from lifeguard.wire.tftp import Options

PATIENCE = 60.0
"""Seconds without progress; a switch that has lost its tree takes 30 of them."""

COPIES = 6
"""Packets that go to a client which has acknowledged none: it may not have asked."""


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
    PAUSE = 0.1
    """Between two measurements; more of them tell no more."""

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


@lru_cache(maxsize=64)  # boards of one kind ask the same
def _oack(granted: Options) -> bytes:
    return bytes(Oack(granted))


class Transfer:
    """Sends `packets` on `terms`, which were negotiated before.

    Each method returns the packets to send now, in order. `on_timer` is to be called
    at `wakeup`, and nothing more once there is an `outcome`. Raises what taking a
    packet raises: OSError.
    """

    def __init__(self, packets: Packets, terms: Terms) -> None:
        self._packets = packets
        self._window_size = terms.window_size
        self._timer = RetransmissionTimer(longest=min(5.0, terms.timeout or 5.0))
        self._oack = [_oack(terms.granted)] if terms.granted else []
        self._sent = 0
        """The last block sent; the OACK is block 0."""
        self._underway = len(self._oack)
        """How many of those sent are not acknowledged."""
        self._ack_of_all: bytes | None = None
        """What a client says that has everything sent so far."""
        self._following = NONE
        """In lockstep, what is at hand after the last block sent."""
        self._timed: int | None = None
        """A block that was sent only once, at `_timed_at`."""
        self._measure_at = self._timed_at = 0.0
        self._window_sent_at = self._progress_at = 0.0
        self._may_restart = True
        """Nothing was said yet against the window that is underway."""
        self._first_copies = 0
        self.outcome: Outcome | None = None
        self.answered = False
        """The client has said something, so it is where it seems to be."""
        self.retransmits = 0
        """Packets sent again."""

    @property
    def wakeup(self) -> float:
        """When `on_timer` has something to do."""
        silent_since = max(self._window_sent_at, self._progress_at)
        return min(silent_since + self._timer.wait, self._progress_at + PATIENCE)

    @property
    def _acknowledged(self) -> int:
        return self._sent - self._underway

    @property
    def begun(self) -> bool:
        """The client has acknowledged a block of the file."""
        return self._acknowledged > 0

    @property
    def delivered(self) -> bool:
        """The client has the whole file; some never say so at its end."""
        return self.answered and self.outcome is Outcome.FINISHED

    @property
    def bytes_sent(self) -> int:
        """Bytes of the file; what was sent again is not counted again."""
        return self._packets.payload(self._sent)

    def start(self, now: float) -> list[bytes]:
        """The OACK, or the first block when there is nothing to say in one."""
        self._first_copies = 1
        self._progress_at = self._window_sent_at = now
        self._timed, self._timed_at = self._acknowledged + 1, now
        packets = self._oack or self._send_new(now)
        self._ack_of_all = None  # the first answer is looked at
        return packets

    def on_next_ack(self, datagram: bytes, now: float) -> bytes | None:
        """The next packet, where a client in lockstep has all that was sent.

        That is nearly always so, and a storm is made of it. None when it is anything
        else, or no packet is at hand: that is for `on_packet`.
        """
        if datagram != self._ack_of_all:
            return None
        ready = next(self._following, None)
        if ready is None:
            return None
        packet, self._ack_of_all = ready
        self._sent += 1
        self._progress_at = now
        return packet

    def on_packet(self, datagram: bytes, now: float) -> list[bytes]:
        """What the client sent; anything that is no ACK or ERROR is ignored."""
        if datagram == self._ack_of_all:  # nearly always: not worth parsing
            self._acknowledge(self._sent, now)
            return self._send_new(now)
        try:
            packet = parse(datagram)
        except Malformed:
            return []
        if isinstance(packet, Ack):
            return self._on_ack(packet.block, now)
        if isinstance(packet, Error):
            self.answered = True
            self.outcome = self._broken_off
        return []

    def on_request_again(self) -> list[bytes]:
        """A copy of the request: the first packet again, until the file has `begun`."""
        if self.begun or not self._may_repeat():
            return []
        return self._again(self._oack or self._packets.take(1, 1))

    def on_timer(self, now: float) -> list[bytes]:
        """The client is silent: everything after the last acknowledged block again."""
        if now < self.wakeup:
            return []
        if now >= self._progress_at + PATIENCE or not self._may_repeat():
            self.outcome = Outcome.FINISHED if self._all_sent else Outcome.GAVE_UP
            return []
        self._timer.expired()
        return self._resend(now)

    def on_client_gone(self) -> None:
        """The client's port is closed; few wait for their last ACK to arrive."""
        self.outcome = Outcome.FINISHED if self._all_sent else self._broken_off

    def close(self) -> None:
        """Give the packets back."""
        self._packets.close()

    @property
    def _broken_off(self) -> Outcome:
        return Outcome.ABORTED if self.begun else Outcome.PROBED

    @property
    def _all_sent(self) -> bool:
        return self._sent == self._packets.last

    def _may_repeat(self) -> bool:
        """Count a copy for a client of which nothing is known but its address."""
        if not self.answered:
            self._first_copies += 1
        return self._first_copies <= COPIES

    def _on_ack(self, block: int, now: float) -> list[bytes]:
        count = (block - self._acknowledged) & 0xFFFF
        if count > self._underway:
            return []
        if count == 0:
            self._may_restart = False  # it may be a copy of what the window answered
            return self._restart(now)
        self.answered = True
        self._acknowledge(self._acknowledged + count, now)
        return self._restart(now) + self._send_new(now)

    def _acknowledge(self, block: int, now: float) -> None:
        self._underway = self._sent - block
        if now >= self._measure_at:
            self._measure(now)
        self._progress_at = now

    def _measure(self, now: float) -> None:
        """Take the time of a block, or of the one that is sent next."""
        if self._timed is None:
            self._timed, self._timed_at = self._sent + 1, now
        elif self._acknowledged >= self._timed:
            self._timer.measured(now - self._timed_at)
            self._timed, self._measure_at = None, now + self._timer.PAUSE

    def _restart(self, now: float) -> list[bytes]:
        """The rest of a window that the client did not get whole.

        Once as soon as the client says so, then at most once a round trip: an ACK for
        every stray block says the same thing. Without a window it never happens: a
        duplicate ACK says nothing (RFC 1123).
        """
        round_trip = self._timer.round_trip
        if self._window_size == 1 or round_trip is None:
            return []
        if now - self._window_sent_at < round_trip / 2 and not self._may_restart:
            return []
        self._may_restart = False
        return self._resend(now)

    def _send_new(self, now: float) -> list[bytes]:
        """As many packets as the window has room for; without any left, the end."""
        if not self._underway:
            self._window_sent_at, self._may_restart = now, True
        # From its first packet on: those before it may be forgotten, none of it.
        window = self._packets.take(self._acknowledged + 1, self._window_size)
        new = window[self._underway :]
        if new:
            self._sent += len(new)
            self._underway += len(new)
            self._ack_of_all = answer_to(new[-1])
            self._following = self._at_hand()
        elif not self._underway:
            self.outcome = Outcome.FINISHED
        return new

    def _at_hand(self) -> Iterator[Ready]:
        """Nothing where the next ACK tells more than that a block has arrived."""
        if self._window_size > 1 or not self.begun or self._timed is not None:
            return NONE
        return self._packets.at_hand(self._sent + 1)

    def _resend(self, now: float) -> list[bytes]:
        self._window_sent_at = now
        if self._acknowledged < 0:
            return self._again(self._oack)
        first = self._acknowledged + 1
        return self._again(self._packets.take(first, self._underway))

    def _again(self, packets: list[bytes]) -> list[bytes]:
        """Sent twice, no longer good for measuring (Karn's algorithm)."""
        self._timed = None
        self.retransmits += len(packets)
        return packets
