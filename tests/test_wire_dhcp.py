"""DHCP messages to bytes and back; whatever is no message is one domain error."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.wire.dhcp import (
    REPLY,
    REQUEST,
    Malformed,
    Message,
    MessageType,
    Option,
    decode_options,
    encode_options,
    parse,
)

numbers = st.integers(0, 65535)
bytes_of_header = st.integers(0, 255)
addresses = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
option_tables = st.dictionaries(st.integers(1, 254), st.binary(max_size=600))
messages = st.builds(
    Message,
    operation=bytes_of_header,
    transaction=st.integers(0, 2**32 - 1),
    hardware_address=st.binary(max_size=16),
    hardware_type=bytes_of_header,
    hops=bytes_of_header,
    seconds=numbers,
    flags=numbers,
    client_address=addresses,
    your_address=addresses,
    next_server=addresses,
    relay_address=addresses,
    file=st.binary(max_size=128).map(lambda raw: raw.replace(b"\0", b"")),
    options=option_tables,
)

HEADER = bytes.fromhex(
    "01010600" "907d077f" "00040000"
    "00000000" "00000000" "00000000" "00000000"
    "525400770 00b00000000000000000000"
    .replace(" ", "")
) + bytes(64 + 128) + bytes([99, 130, 83, 99])  # fmt: skip

IPXE_DISCOVER = HEADER + bytes.fromhex(
    "350101" "390205c0" "5d020000" "5e03010201"
    "3c20" + b"PXEClient:Arch:00000:UNDI:002001".hex() +
    "4d04" + b"iPXE".hex() +
    "3d070152540077000b" "6111" + "00" * 17 + "ff"
)  # fmt: skip
"""What QEMU's ROM says first, without what it wants to be told."""


def message(*architectures: int, **fields: object) -> Message:
    value = struct.pack(f"!{len(architectures)}H", *architectures)
    return Message(
        **{
            "operation": REQUEST,
            "transaction": 7,
            "hardware_address": bytes.fromhex("02000000000a"),
            "options": {Option.ARCHITECTURES: value},
            **fields,
        }
    )


def test_what_a_real_rom_sends_is_understood() -> None:
    discover = parse(IPXE_DISCOVER)
    assert discover == Message(
        operation=REQUEST,
        transaction=0x907D077F,
        hardware_address=bytes.fromhex("52540077000b"),
        seconds=4,
        options={
            Option.MESSAGE_TYPE: b"\x01",
            57: b"\x05\xc0",
            Option.ARCHITECTURES: b"\0\0",
            94: b"\x01\x02\x01",
            Option.VENDOR_CLASS: b"PXEClient:Arch:00000:UNDI:002001",
            Option.USER_CLASS: b"iPXE",
            Option.CLIENT: b"\x01RT\0w\0\x0b",
            Option.MACHINE: bytes(17),
        },
    )
    assert discover.mac == "52:54:00:77:00:0b"
    assert discover.type == MessageType.DISCOVER
    assert discover.architectures == (0,)


def test_every_byte_is_as_the_standard_says() -> None:
    reply = Message(
        operation=REPLY,
        transaction=0x01020304,
        hardware_address=bytes.fromhex("02000000000a"),
        hops=1,
        seconds=2,
        flags=0x8000,
        client_address="192.0.2.1",
        your_address="192.0.2.2",
        next_server="192.0.2.3",
        relay_address="192.0.2.4",
        file=b"pxelinux.0",
        options={Option.MESSAGE_TYPE: b"\x02", Option.CLIENT: b""},
    )
    datagram = bytes(reply)
    assert datagram[:28].hex(" ", 4) == (
        "02010601 01020304 00028000 c0000201 c0000202 c0000203 c0000204"
    )
    assert datagram[28:44] == bytes.fromhex("02000000000a") + bytes(10)
    assert datagram[44:108] == bytes(64)
    assert datagram[108:236] == b"pxelinux.0".ljust(128, b"\0")
    assert datagram[236:] == bytes.fromhex("63825363 350102 3d00 ff") + bytes(54)


@given(messages)
def test_a_message_survives_the_wire(sent: Message) -> None:
    assert parse(bytes(sent)) == sent


@given(messages)
def test_no_message_is_shorter_than_bootp_allows(sent: Message) -> None:
    assert len(bytes(sent)) >= 300


@given(
    st.binary()
    | st.binary(max_size=80).map(lambda options: HEADER + options)
    | st.binary(min_size=240, max_size=400)
)
def test_any_bytes_are_a_message_or_malformed(datagram: bytes) -> None:
    try:
        found = parse(datagram)
    except Malformed:
        return
    assert parse(bytes(found)) == found
    assert found.mac is None or len(found.mac) == 17
    assert found.type >= 0
    assert len(found.architectures) <= len(datagram) / 2


@given(st.data())
def test_a_message_cut_short_is_itself_without_its_end_or_malformed(
    data: st.DataObject,
) -> None:
    datagram = data.draw(messages.map(bytes))
    cut = datagram[: data.draw(st.integers(0, len(datagram) - 1))]
    try:
        options = parse(cut).options
    except Malformed:
        return
    whole = parse(datagram).options
    assert all(whole[number].startswith(value) for number, value in options.items())


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "shorter than any message"),
        (HEADER[:-1], "shorter than any message"),
        (HEADER[:-1] + b"x", "BOOTP without options"),
        (b"\1\1\x11" + HEADER[3:], "a hardware address of 17 bytes"),
        (HEADER + b"\x35", "an option is cut short"),
        (HEADER + b"\x35\x01", "an option is cut short"),
        (HEADER + b"\x35\x01\x01\x3c\x09PXEClien", "an option is cut short"),
    ],
)
def test_what_is_no_message_is_malformed(datagram: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(datagram)
    assert str(raised.value) == reason


def test_options_may_be_padded_split_empty_and_without_an_end() -> None:
    options = b"\0\0\x35\x01\x01\0\x52\x02ab\x3d\0\x52\x01c"
    expected = {53: b"\x01", 82: b"abc", 61: b""}
    assert decode_options(options) == expected
    assert decode_options(options + b"\xff\x35\x09") == expected


def test_an_option_that_is_too_long_is_split() -> None:
    value = bytes(range(256)) * 2
    encoded = encode_options({82: value})
    assert encoded == (
        b"\x52\xff" + value[:255] + b"\x52\xff" + value[255:510]
        + b"\x52\x02" + value[510:] + b"\xff"
    )  # fmt: skip


def test_a_mac_is_what_ethernet_has() -> None:
    addresses = [
        message(),
        message(hardware_type=32),
        message(hardware_address=b"12345"),
        message(hardware_address=b""),
    ]
    assert [each.mac for each in addresses] == ["02:00:00:00:00:0a", None, None, None]


def test_architectures_are_in_the_clients_order() -> None:
    assert message(7, 0, 9).architectures == (7, 0, 9)
    assert message(options={}).architectures == ()
    odd = {Option.ARCHITECTURES: b"\0\x07\0"}
    assert message(options=odd).architectures == (7,)


def test_bootp_has_no_type() -> None:
    assert message(options={}).type == 0
