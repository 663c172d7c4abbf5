"""TFTP packets to bytes and back; whatever is no packet is one domain error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.wire.tftp import (
    Ack,
    Data,
    Error,
    Malformed,
    Oack,
    Packet,
    Rrq,
    Wrq,
    parse,
)

strings = st.binary(max_size=40).map(
    lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
numbers = st.integers(0, 65535)
option_lists = st.lists(st.tuples(strings, strings), max_size=6).map(tuple)
packets = st.one_of(
    st.builds(Rrq, strings, strings, option_lists),
    st.builds(Wrq, strings, strings, option_lists),
    st.builds(Data, numbers, st.binary(max_size=600)),
    st.builds(Ack, numbers),
    st.builds(Error, numbers, strings),
    st.builds(Oack, option_lists.filter(bool)),
)

ON_THE_WIRE: list[tuple[bytes, Packet]] = [
    (
        b"\0\1pxelinux.0\0octet\0blksize\x001432\0tsize\x000\0",
        Rrq("pxelinux.0", "octet", (("blksize", "1432"), ("tsize", "0"))),
    ),
    (b"\0\1/grub/\xff\0OCTET\0", Rrq("/grub/\udcff", "OCTET")),
    (b"\0\2core\0octet\0", Wrq("core", "octet")),
    (b"\0\3\xff\xffabc", Data(65535, b"abc")),
    (b"\0\3\0\0", Data(0, b"")),
    (b"\0\4\0\7", Ack(7)),
    (b"\0\5\0\1File not found\0", Error(1, "File not found")),
    (
        b"\0\6tsize\x0014\0BlkSize\x001408\0",
        Oack((("tsize", "14"), ("BlkSize", "1408"))),
    ),
]


@pytest.mark.parametrize(("datagram", "packet"), ON_THE_WIRE)
def test_what_firmware_sends_is_understood(datagram: bytes, packet: Packet) -> None:
    assert parse(datagram) == packet


@pytest.mark.parametrize(("datagram", "packet"), ON_THE_WIRE)
def test_every_byte_is_as_the_standard_says(datagram: bytes, packet: Packet) -> None:
    assert bytes(packet) == datagram


@given(packets)
def test_a_packet_survives_the_wire(packet: Packet) -> None:
    assert parse(bytes(packet)) == packet


@given(st.one_of(st.binary(), st.binary().map(lambda body: b"\0\1" + body)))
def test_any_bytes_are_a_packet_or_malformed(datagram: bytes) -> None:
    try:
        packet = parse(datagram)
    except Malformed:
        return
    assert parse(bytes(packet)) == packet


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0",
        b"\0\1",
        b"\0\4\0",
        b"\0\0\0\0",
        b"\0\7\0\0",
        b"\1\4\0\0",
        b"\0\1name\0octet",
        b"\0\1name\0",
        b"\0\1name",
        b"\0\2\0\0octet",
        b"\0\6blksize\x00512",
    ],
)
def test_what_is_no_packet_is_malformed(datagram: bytes) -> None:
    """Line 9: a missing final NUL, packets of 0 and 2 bytes."""
    with pytest.raises(Malformed):
        parse(datagram)


def test_an_option_may_be_empty() -> None:
    """Line 10: iPXE sends `multicast` with an empty value."""
    request = Rrq("a", "octet", (("multicast", ""), ("tsize", "0")))
    assert parse(b"\0\1a\0octet\0multicast\0\0tsize\x000\0") == request


@pytest.mark.parametrize(
    ("datagram", "packet"),
    [
        (b"\0\4\0\1padding", Ack(1)),
        (b"\0\5\0\x08no NUL", Error(8, "no NUL")),
        (b"\0\5\0\0", Error(0, "")),
        (b"\0\1a\0octet\0blksize\0", Rrq("a", "octet")),
    ],
)
def test_what_firmware_does_wrong_is_tolerated(datagram: bytes, packet: Packet) -> None:
    assert parse(datagram) == packet
