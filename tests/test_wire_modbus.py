"""Modbus as bytes: what is asked, what answers it, and that nothing else does."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.wire.modbus import (
    Read,
    Refusal,
    Write,
    WrongAnswer,
    answer_length,
    encode,
    parse_answer,
)

units = st.integers(0, 255)
coils = st.integers(0, 65535)
numbers = st.integers(0, 65535)
requests = st.one_of(
    st.builds(Read, units, coils), st.builds(Write, units, coils, st.booleans())
)


def test_requests_are_as_the_specification_has_them():
    assert encode(Read(1, 0x13), 7).hex(" ") == "00 07 00 00 00 06 01 01 00 13 00 01"
    assert encode(Write(17, 0xAC, True), 1).hex() == "0001000000061105" + "00acff00"
    assert encode(Write(17, 0xAC, False), 1).hex() == "0001000000061105" + "00ac0000"


def test_answers_are_as_the_specification_has_them():
    read, write = Read(1, 0x13), Write(17, 0xAC, True)
    on = bytes.fromhex("00070000000401010101")
    off = bytes.fromhex("00070000000401010100")
    assert parse_answer(read, 7, on) is True
    assert parse_answer(read, 7, off) is False
    assert parse_answer(write, 1, encode(write, 1)) is True
    refusal = parse_answer(read, 7, bytes.fromhex("000700000003018102"))
    assert refusal == Refusal(2)
    assert str(refusal) == "illegal data address (exception 2)"
    assert str(Refusal(99)) == "unknown (exception 99)"


@given(requests, numbers)
def test_the_length_of_an_answer_is_known_from_its_header(request, number):
    encoded = encode(request, number)
    assert [answer_length(encoded[:size]) for size in range(7)] == [None] * 7
    assert answer_length(encoded[:7]) == len(encoded) == 12


@given(st.binary(min_size=7))
def test_no_header_makes_us_wait_for_more_than_a_frame(received):
    length = None
    with suppress(WrongAnswer):
        length = answer_length(received)
    assert length is None or 9 <= length <= 260


@given(requests, numbers, st.binary(max_size=20))
def test_bytes_answer_a_request_or_are_refused(request, number, answer):
    value = None
    with suppress(WrongAnswer):
        value = parse_answer(request, number, answer)
    assert value is None or isinstance(value, bool | Refusal)


@given(requests, numbers, numbers)
def test_the_answer_to_another_request_is_none(request, number, other):
    answer = bytes([*number.to_bytes(2, "big"), 0, 0, 0, 3, request.unit, 0x81, 2])
    if number == other and isinstance(request, Read):
        assert parse_answer(request, other, answer) == Refusal(2)
    else:
        with pytest.raises(WrongAnswer):
            parse_answer(request, other, answer)


def test_an_echo_that_says_something_else_is_no_answer():
    write = Write(1, 3, True)
    for other in (Write(1, 4, True), Write(1, 3, False), Write(2, 3, True), Read(1, 3)):
        with pytest.raises(WrongAnswer):
            parse_answer(write, 1, encode(other, 1))
