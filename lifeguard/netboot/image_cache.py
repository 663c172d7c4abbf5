"""Files as ready DATA packets, shared by all the boards that fetch them.

A storm is many boards that read the same file at nearly the same place. What is kept
is the packets of one version of a file in one block size, a stretch at a time, so
that no stretch stops the reactor for long and the memory has a limit.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count, islice
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from lifeguard.netboot.packets import (
    HEADER,
    NONE,
    Unreadable,
    answer_to,
    data_packet,
    last_block,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lifeguard.netboot.files import FileContent, Version
    from lifeguard.netboot.packets import Ready

STRETCH = 2**18
"""Bytes of memory that are filled at once: a fifth of a millisecond's work."""

PACKET_COST = 184
"""Bytes that Python takes for a packet beside its bytes, and for its answer."""

Stretch = list["Ready"]
"""Packets that follow one another, each with its answer: a pair is one thing to fetch
for an ACK, and costs less time than two lists."""


class Image:
    """The packets of one version of a file. Shared: each transfer closes it once."""

    def __init__(
        self,
        file: FileContent,
        block_size: int,
        stretch: Callable[[Image, int], Stretch],
    ) -> None:
        self._file = file
        self._block_size = block_size
        self._stretch = stretch
        self._per_stretch = STRETCH // (HEADER + block_size + PACKET_COST)
        self.stretches: dict[int, Stretch] = {}
        """Those that the cache holds now, by number."""
        self.last = last_block(file.size, block_size)
        self.users = 0

    def take(self, first: int, most: int) -> list[bytes]:
        """As `Packets` says."""
        if first > self.last:
            return []
        number, start = divmod(first - 1, self._per_stretch)
        stretch = self.stretches.get(number)
        if stretch is None or start == 0:  # to begin a stretch is to use it
            stretch = self._stretch(self, number)
        packets = [packet for packet, _ in stretch[start : start + most]]
        if missing := most - len(packets):
            packets = packets + self.take(first + len(packets), missing)
        return packets

    def at_hand(self, first: int) -> Iterator[Ready]:
        """As `Packets` says; it ends with the stretch, or when that is forgotten."""
        number, start = divmod(first - 1, self._per_stretch)
        if (stretch := self.stretches.get(number)) is None:
            return NONE
        return islice(stretch, start, None)

    def payload(self, blocks: int) -> int:
        """As `Packets` says."""
        return min(blocks * self._block_size, self._file.size)

    def close(self) -> None:
        """One transfer less; the packets stay, the file is closed after the last."""
        self.users -= 1
        if self.users == 0:
            self._file.close()

    def share(self, file: FileContent) -> None:
        """One transfer more, which opened the same version; one open file is enough."""
        if self.users == 0:
            self._file = file
        else:
            file.close()
        self.users += 1

    def read(self, number: int) -> Stretch:
        """Stretch `number` from the file; raises Unreadable.

        Also when the file was written to: half of each version would boot nothing.
        """
        size = self._block_size
        first = number * self._per_stretch + 1
        blocks = range(first, min(first + self._per_stretch, self.last + 1))
        data = read(self._file, (first - 1) * size, len(blocks) * size)
        if not self._file.is_unchanged():
            raise Unreadable("the file was changed while it was served")
        packets = [
            data_packet(block, data[offset : offset + size])
            for block, offset in zip(blocks, count(0, size), strict=False)
        ]
        return [(packet, answer_to(packet)) for packet in packets]


class ImageCache:
    """At most `limit` bytes of packets; the least recently used go first.

    One stretch is always held, whatever the limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._images: WeakValueDictionary[tuple[Version, int], Image]
        self._images = WeakValueDictionary()
        """Those that a transfer uses, or that have packets here."""
        self._sizes: OrderedDict[tuple[Image, int], int] = OrderedDict()
        """Of all stretches held, in bytes, the least recently used first."""
        self.size = 0
        """Bytes held."""

    def image(self, file: FileContent, block_size: int) -> Image:
        """The packets of `file`, which is the image's from now on."""
        key = file.version, block_size
        image = self._images.get(key)
        if image is None:
            self._images[key] = image = Image(file, block_size, self._stretch)
        image.share(file)
        return image

    def _stretch(self, image: Image, number: int) -> Stretch:
        stretch = image.stretches.get(number)
        if stretch is None:
            stretch = image.read(number)
            self._keep(image, number, stretch)
        self._sizes.move_to_end((image, number))
        return stretch

    def _keep(self, image: Image, number: int, stretch: Stretch) -> None:
        size = sum(len(packet) + PACKET_COST for packet, _ in stretch)
        while self._sizes and self.size + size > self._limit:
            self._forget_one()
        image.stretches[number] = stretch
        self._sizes[image, number] = size
        self.size += size

    def _forget_one(self) -> None:
        (image, number), size = self._sizes.popitem(last=False)
        image.stretches.pop(number).clear()  # who is within it would keep it
        self.size -= size
