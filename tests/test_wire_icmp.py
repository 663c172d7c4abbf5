"""ICMP messages as bytes: what is sent, what is understood, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifeguard.wire.icmp import (
    EchoReply,
    NotAnEchoReply,
    checksum,
    echo_request,
    parse_echo_reply,
    without_ip_header,
)

WORD = st.integers(0, 0xFFFF)


def message(kind: int, code: int, identifier: int, sequence: int, rest: bytes) -> bytes:
    head = pack("!BBHHH", kind, code, 0, identifier, sequence)
    own = checksum(head + rest)
    return pack("!BBHHH", kind, code, own, identifier, sequence) + rest


def in_ip(payload: bytes, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    return bytes([0x40 + words]) + bytes(19) + options + payload


def test_the_checksum_is_that_of_the_example_in_rfc_1071() -> None:
    data = bytes.fromhex("0001f203f4f5f6f7")
    assert checksum(data) == 0xDDF2 ^ 0xFFFF


def test_a_last_odd_byte_is_summed_as_if_a_zero_followed() -> None:
    assert checksum(b"\x12\x34\x56") == checksum(b"\x12\x34\x56\x00")


def test_a_request_is_these_bytes() -> None:
    assert echo_request(0x1234, 7).hex(" ", 2) == (
        "08 00e6 0d12 3400 076c 6966 6567 7561 7264"
    )


@given(WORD, WORD)
def test_a_request_carries_its_own_checksum(identifier: int, sequence: int) -> None:
    assert checksum(echo_request(identifier, sequence)) == 0


@given(WORD, WORD, st.binary(max_size=64))
def test_a_reply_says_which_request_it_answers(
    identifier: int, sequence: int, payload: bytes
) -> None:
    reply = message(0, 0, identifier, sequence, payload)
    assert parse_echo_reply(reply) == EchoReply(identifier, sequence)


@given(st.binary(max_size=40).filter(lambda options: len(options) % 4 == 0))
@example(bytes(40))
def test_an_ip_header_is_taken_off_whatever_its_options(options: bytes) -> None:
    assert without_ip_header(in_ip(b"inside", options)) == b"inside"


REPLY = message(0, 0, 1, 2, b"payload")


@pytest.mark.parametrize(
    ("read", "data", "complaint"),
    [
        (parse_echo_reply, b"", "0 bytes are too short for ICMP"),
        (parse_echo_reply, REPLY[:7], "7 bytes are too short for ICMP"),
        (parse_echo_reply, REPLY[:-1] + b"?", "the checksum is wrong"),
        (parse_echo_reply, echo_request(1, 2), "ICMP type 8, code 0"),
        (parse_echo_reply, message(3, 1, 0, 0, b""), "ICMP type 3, code 1"),
        (parse_echo_reply, message(0, 1, 1, 2, b""), "ICMP type 0, code 1"),
        (without_ip_header, b"", "no IPv4 header"),
        (without_ip_header, bytes([0x45]) + bytes(18), "no IPv4 header"),
        (without_ip_header, bytes([0x60]) + bytes(39), "no IPv4 header"),
        (without_ip_header, bytes([0x44]) + bytes(39), "an IPv4 header of 16 bytes"),
    ],
)
def test_anything_else_is_refused_in_words(
    read: Callable[[bytes], object], data: bytes, complaint: str
) -> None:
    with pytest.raises(NotAnEchoReply) as refusal:
        read(data)
    assert str(refusal.value) == complaint


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    for read in (parse_echo_reply, without_ip_header):
        with suppress(NotAnEchoReply):
            read(data)
