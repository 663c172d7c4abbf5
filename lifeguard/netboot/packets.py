"""A file as the DATA packets of one transfer, by number.

Blocks are numbered from 1 and without end here; they roll over only in the packets.
Where the bytes come from, and when a packet is sent, does not belong here.
"""

from __future__ import annotations

import struct
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.netboot.files import Content

UNKNOWN = 2**63
"""The number of a last block that is still to be found."""

HEADER = 4
"""Bytes of a DATA packet before its payload."""

_ACK = b"\0\4"
_HEADER = struct.Struct("!HH")

Ready = tuple[bytes, bytes]
"""A packet and the ACK that answers it."""

NONE: Iterator[Ready] = iter(())
"""Nothing at hand."""


class Unreadable(Exception):
    """The file cannot be read to its end; the reason in one line."""


class Packets(Protocol):
    """What a transfer sends. `last` is the number of its last block."""

    @property
    def last(self) -> int: ...

    def take(self, first: int, most: int) -> list[bytes]:
        """The `most` packets from number `first`; fewer only where the last is one.

        What was taken before `first` is not asked for again. Raises Unreadable.
        """

    def at_hand(self, first: int) -> Iterator[Ready]:
        """Packets from number `first` on that need no work; it may end at any."""

    def payload(self, blocks: int) -> int:
        """How many bytes the first `blocks` packets carry."""

    def close(self) -> None:
        """Give back what is held."""


def read(content: Content, offset: int, length: int) -> bytes:
    """As the content says; raises Unreadable."""
    try:
        return content.read(offset, length)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


def data_packet(number: int, payload: bytes) -> bytes:
    """Block `number` on the wire, where it rolls over to 0."""
    return _HEADER.pack(3, number & 0xFFFF) + payload


def answer_to(packet: bytes) -> bytes:
    """The ACK that answers a DATA packet."""
    return _ACK + packet[2:4]


def last_block(size: int, block_size: int) -> int:
    """The block that is short, and empty where the size is a multiple."""
    return size // block_size + 1


class OctetPackets:
    """The bytes of `content` as they are, read when they are taken."""

    def __init__(self, content: Content, block_size: int) -> None:
        self._content = content
        self._block_size = block_size
        self.last = last_block(content.size, block_size)
        self.close = content.close

    def take(self, first: int, most: int) -> list[bytes]:
        numbers = range(first, min(first + most, self.last + 1))
        return [data_packet(number, self._read(number)) for number in numbers]

    def at_hand(self, first: int) -> Iterator[Ready]:
        return NONE

    def payload(self, blocks: int) -> int:
        return min(blocks * self._block_size, self._content.size)

    def _read(self, number: int) -> bytes:
        return read(self._content, (number - 1) * self._block_size, self._block_size)


class NetasciiPackets:
    """Text whose lines end as TELNET's do: LF becomes CR LF, and CR becomes CR NUL.

    Where a block begins depends on all before it, so packets are kept until later
    ones are taken.
    """

    def __init__(self, content: Content, block_size: int) -> None:
        self._content = content
        self._block_size = block_size
        self._blocks = enumerate(self._translate(), start=1)
        self._kept: deque[bytes] = deque()
        self._first = 1
        """The number of the first block that is kept."""
        self._last_payload = 0
        self.last = UNKNOWN
        self.close = content.close

    def take(self, first: int, most: int) -> list[bytes]:
        while self._first < first and self._kept:
            self._kept.popleft()
            self._first += 1
        while len(self._kept) < most and self.last == UNKNOWN:
            self._translate_one()
        return list(islice(self._kept, most))

    def at_hand(self, first: int) -> Iterator[Ready]:
        return NONE

    def payload(self, blocks: int) -> int:
        if blocks < self.last:
            return blocks * self._block_size
        return (self.last - 1) * self._block_size + self._last_payload

    def _translate_one(self) -> None:
        number, block = next(self._blocks)
        self._kept.append(data_packet(number, block))
        if len(block) < self._block_size:
            self.last, self._last_payload = number, len(block)

    def _translate(self) -> Iterator[bytes]:
        text = b""
        for offset in range(0, self._content.size, self._block_size):
            block = read(self._content, offset, self._block_size)
            text += block.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
            while len(text) >= self._block_size:
                yield text[: self._block_size]
                text = text[self._block_size :]
        yield text
