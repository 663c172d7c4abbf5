"""The ProXR protocol as bytes, from both ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.wire.proxr import (
    BadCommand,
    BadRelay,
    LinkTest,
    Read,
    Relay,
    Switch,
    WrongAnswer,
    answer_length,
    encode_answer,
    parse_answer,
    parse_command,
    parse_relay,
)

RELAY = Relay(bank=2, number=3)

relays = st.builds(Relay, bank=st.integers(1, 32), number=st.integers(1, 8))
commands = st.one_of(
    st.builds(Switch, relays, st.booleans()),
    st.builds(Read, relays),
    st.just(LinkTest()),
)
dialects = st.sampled_from(["classic", "advanced"])


def test_commands_have_the_bytes_of_the_manual():
    assert [
        bytes(Switch(Relay(1, 1), on=True)),
        bytes(Switch(Relay(4, 8), on=True)),
        bytes(Switch(Relay(1, 1), on=False)),
        bytes(Switch(Relay(32, 8), on=False)),
        bytes(Read(Relay(1, 1))),
        bytes(Read(Relay(4, 8))),
        bytes(LinkTest()),
    ] == [
        bytes([254, 108, 1]),
        bytes([254, 115, 4]),
        bytes([254, 100, 1]),
        bytes([254, 107, 32]),
        bytes([254, 116, 1]),
        bytes([254, 123, 4]),
        bytes([254, 33]),
    ]


@given(commands)
def test_a_command_is_understood_at_the_other_end(command):
    assert parse_command(bytes(command)) == command


@given(st.binary(max_size=5))
def test_whatever_is_understood_was_said_exactly_so(packet):
    try:
        command = parse_command(packet)
    except BadCommand:
        return
    assert bytes(command) == packet


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes([254]),
        bytes([254, 108]),
        bytes([253, 108, 1]),
        bytes([254, 99, 1]),
        bytes([254, 124, 1]),
        bytes([254, 108, 0]),
        bytes([254, 108, 33]),
        bytes([254, 108, 1, 254]),
        bytes([254, 33, 1]),
    ],
)
def test_a_part_of_a_command_or_an_unknown_one_is_refused(packet):
    with pytest.raises(BadCommand):
        parse_command(packet)


@given(commands, st.sets(relays, max_size=20), dialects)
def test_an_answer_is_understood_by_who_asked(command, on, dialect):
    answer = encode_answer(command, on, dialect)
    assert len(answer) == answer_length(command, dialect)
    expected = command.relay in on if isinstance(command, Read) else True
    assert parse_answer(command, answer, dialect) is expected


@given(commands, st.binary(max_size=3), dialects)
def test_no_answer_raises_anything_but_wrong_answer(command, answer, dialect):
    try:
        parse_answer(command, answer, dialect)
    except WrongAnswer:
        return
    assert len(answer) == answer_length(command, dialect)


def test_an_advanced_relay_board_answers_with_the_bank_and_its_relays():
    on = {Relay(2, 1), Relay(2, 8), Relay(3, 2)}
    assert encode_answer(Switch(RELAY, on=False), on, "advanced") == bytes([2, 129])


@pytest.mark.parametrize(
    ("command", "answer", "dialect"),
    [
        (Switch(RELAY, on=True), bytes([1]), "classic"),
        (Switch(RELAY, on=True), bytes([2, 4]), "classic"),
        (Switch(RELAY, on=True), bytes([3, 4]), "advanced"),
        (Switch(RELAY, on=True), bytes([85]), "advanced"),
        (Read(RELAY), bytes([85]), "classic"),
        (Read(RELAY), bytes([85]), "advanced"),
        (LinkTest(), bytes([86]), "classic"),
        (LinkTest(), b"", "classic"),
    ],
)
def test_the_answer_of_another_command_is_wrong(command, answer, dialect):
    with pytest.raises(WrongAnswer):
        parse_answer(command, answer, dialect)


@given(relays)
def test_an_outlet_names_its_bank_and_relay(relay):
    assert parse_relay(f"{relay.bank}/{relay.number}") == relay


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "1",
        "1/",
        "0/1",
        "33/1",
        "1/0",
        "1/9",
        "01/1",
        "1/1/1",
        "1/1\n",
        "\N{ARABIC-INDIC DIGIT ONE}/1",
    ],
)
def test_other_names_of_outlets_are_refused_with_one_line(rest):
    with pytest.raises(BadRelay) as caught:
        parse_relay(rest)
    assert "\n" not in str(caught.value)
    assert "BANK/RELAY" in str(caught.value)
