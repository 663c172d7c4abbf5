"""Packets that are made once for all boards, below a limit, of one version each."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.netboot.files import Content, FileContent, MemoryContent, Root
from lifeguard.netboot.image_cache import PACKET_COST, STRETCH, ImageCache
from lifeguard.netboot.packets import HEADER, OctetPackets, Unreadable
from lifeguard.wire.tftp import Ack

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 3 * STRETCH + 100


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    path = tmp_path / "kernel"
    path.write_bytes(os.urandom(SIZE))
    return path


def opened(path: Path) -> FileContent:
    return Root(path.parent).open(path.name)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("size", [0, 511, 512, 513, 5000])
@pytest.mark.parametrize("block_size", [8, 512, 1468])
def test_a_cached_file_gives_the_packets_of_its_bytes(
    tmp_path: Path, size: int, block_size: int
) -> None:
    """Line 25: also where the size is a multiple, and where it is 0."""
    path = tmp_path / "kernel"
    path.write_bytes(data := os.urandom(size))
    image = ImageCache(2**20).image(opened(path), block_size)
    packets = OctetPackets(MemoryContent(data), block_size)
    assert image.last == packets.last
    assert image.take(1, 10_000) == packets.take(1, 10_000)
    assert image.take(image.last + 1, 4) == []
    assert [image.payload(count) for count in (1, image.last)] == [
        min(size, block_size),
        size,
    ]
    image.close()


@given(first=st.integers(1, 1800), most=st.integers(1, 64))
def test_a_window_may_begin_anywhere(
    tmp_path_factory: pytest.TempPathFactory, first: int, most: int
) -> None:
    """And end in the next stretch."""
    path = tmp_path_factory.getbasetemp() / "anywhere"
    if not path.exists():
        path.write_bytes(os.urandom(SIZE))
    image = ImageCache(2**20).image(opened(path), 512)
    packets = OctetPackets(MemoryContent(path.read_bytes()), 512)
    assert image.take(first, most) == packets.take(first, most)
    image.close()


@pytest.mark.parametrize("first", [65_530, 65_536, 131_066])
def test_block_numbers_roll_over_to_0(tmp_path: Path, first: int) -> None:
    """Line 24: also within a stretch, and in what is at hand."""
    path = tmp_path / "long"
    path.write_bytes(data := os.urandom(8 * 140_000))
    image = ImageCache(2**24).image(opened(path), 8)
    packets = OctetPackets(MemoryContent(data), 8).take(first, 12)
    assert image.take(first, 12) == packets
    assert list(islice(image.at_hand(first), 12)) == [
        (packet, bytes(Ack(number & 0xFFFF)))
        for number, packet in enumerate(packets, start=first)
    ]
    image.close()


def test_at_hand_is_what_follows_in_a_stretch_that_is_held(kernel: Path) -> None:
    image = ImageCache(2**24).image(opened(kernel), 1468)
    assert list(image.at_hand(7)) == []
    first = image.take(1, 1000)[: STRETCH // (HEADER + 1468 + PACKET_COST)]
    assert list(image.at_hand(7)) == [
        (packet, bytes(Ack(number))) for number, packet in enumerate(first[6:], start=7)
    ]
    image.close()


def test_who_is_within_a_stretch_does_not_keep_it(kernel: Path) -> None:
    """200 boards at 200 places would be many times the limit."""
    cache = ImageCache(STRETCH)
    image = cache.image(opened(kernel), 1468)
    image.take(1, 1)
    at_hand = image.at_hand(2)
    assert next(at_hand)[0] == image.take(2, 1)[0]
    image.take(image.last, 1)
    assert list(at_hand) == []
    image.close()


def test_a_stretch_is_read_once_for_all(kernel: Path) -> None:
    cache = ImageCache(2**24)
    images = [cache.image(opened(kernel), 1468) for _ in range(50)]
    first = [image.take(1, 1)[0] for image in images]
    assert len(set(map(id, first))) == 1
    for image in images:
        image.close()


def test_one_open_file_is_enough_for_all(kernel: Path) -> None:
    before = descriptors()
    cache = ImageCache(2**24)
    images = [cache.image(opened(kernel), 1468) for _ in range(50)]
    assert descriptors() == before + 1
    for image in images:
        image.close()
    assert descriptors() == before


def test_the_packets_outlive_the_transfers(kernel: Path) -> None:
    cache = ImageCache(2**24)
    image = cache.image(opened(kernel), 1468)
    packet = image.take(1, 1)[0]
    image.close()
    again = cache.image(opened(kernel), 1468)
    assert again.take(1, 1)[0] is packet
    assert len(again.take(1, 10_000)) == again.last
    again.close()


def test_the_memory_has_a_limit(kernel: Path) -> None:
    cache = ImageCache(2 * STRETCH)
    image = cache.image(opened(kernel), 512)
    for number in range(1, image.last + 1):
        image.take(number, 1)
        assert cache.size <= 2 * STRETCH
    assert cache.size > STRETCH / 2
    assert len(image.stretches) == 2
    image.close()


def test_the_least_recently_begun_goes_first(kernel: Path) -> None:
    cache = ImageCache(2 * STRETCH)
    image = cache.image(opened(kernel), 512)
    later = STRETCH // (HEADER + 512 + PACKET_COST)
    for number in (1, later + 1, 1, 2 * later + 1):
        image.take(number, 1)
    assert sorted(image.stretches) == [0, 2]
    image.close()


def test_nothing_is_kept_of_what_nobody_fetches_any_more(kernel: Path) -> None:
    """All of it comes back: the packets by newer ones, the rest at once."""
    cache = ImageCache(2 * STRETCH)
    image = cache.image(opened(kernel), 512)
    image.take(1, 1)
    image.close()
    del image
    assert len(cache._images) == 1
    other = cache.image(opened(kernel), 1024)
    for number in range(1, other.last + 1):
        other.take(number, 1)
    assert list(cache._images.values()) == [other]
    other.close()


def test_a_stretch_that_is_larger_than_the_limit_is_served_all_the_same(
    kernel: Path,
) -> None:
    cache = ImageCache(1000)
    image = cache.image(opened(kernel), 512)
    assert [len(image.take(number, 1)) for number in (1, 1000, 1)] == [1, 1, 1]
    image.close()


def test_a_file_replaced_in_a_storm_is_served_as_it_was_opened(kernel: Path) -> None:
    """Line 27: and who asks from now on gets the new one, at the same time."""
    cache = ImageCache(2**24)
    old, was = cache.image(opened(kernel), 512), kernel.read_bytes()
    (kernel.parent / "new").write_bytes(b"new" * SIZE)
    (kernel.parent / "new").rename(kernel)
    new = cache.image(opened(kernel), 512)
    content: Content = MemoryContent(was)
    assert old.take(1, 9999) == OctetPackets(content, 512).take(1, 9999)
    assert new.take(1, 1)[0][4:7] == b"new"
    old.close()
    new.close()


def test_a_file_written_to_in_a_storm_is_served_no_further(kernel: Path) -> None:
    """Line 27: half of each version is a kernel that nobody has made."""
    cache = ImageCache(2**24)
    image = cache.image(opened(kernel), 512)
    first = image.take(1, 1)
    kernel.write_bytes(os.urandom(SIZE))
    os.utime(kernel, (1, 1))
    assert image.take(1, 1) == first
    with pytest.raises(Unreadable, match="changed while it was served"):
        image.take(image.last, 1)
    image.close()


def test_a_file_cut_short_is_unreadable(kernel: Path) -> None:
    image = ImageCache(2**24).image(opened(kernel), 512)
    os.truncate(kernel, 10)
    with pytest.raises(Unreadable, match="cut short"):
        image.take(1, 1)
    image.close()
