"""The ProXR protocol of NCD relay boards, as records and as bytes, for both ends.

`bytes(command)` is what a relay board is sent, in one packet; `parse_command` reads
it at the other end. `parse_answer` reads what comes back, `encode_answer` makes it.
A relay is on when it is energised; what that does to a board is not known here.

Two dialects. In "classic" a switch answers 85. In "advanced" (Fusion firmware) it
answers two bytes, the bank and the bank's relays as a mask. Only the bank is checked
there: the mask was never seen by us, and a read-back tells the same more surely.
Reads and the link test are taken to answer alike in both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Collection

Dialect = Literal["classic", "advanced"]

BANKS = range(1, 33)
"""Bank 0 would mean all banks, and is never meant by one outlet."""

_START = 254
_LINK_TEST = 33
_OFF, _ON, _READ = 99, 107, 115
"""To which the relay's number, 1 to 8, is added: the three follow on one another."""
_OK = 85

_REST = re.compile("([1-9]|[12][0-9]|3[0-2])/([1-8])")


class BadRelay(ValueError):
    """A text that names no relay."""


class BadCommand(ValueError):
    """Bytes that are not one whole command."""


class WrongAnswer(ValueError):
    """Bytes that do not answer the command that was sent."""


class Relay(NamedTuple):
    """`bank` is 1 to 32, `number` 1 to 8."""

    bank: int
    number: int

    def __str__(self) -> str:
        return f"relay {self.number} of bank {self.bank}"


class Switch(Struct, frozen=True):
    """Energise a relay, or let it go."""

    relay: Relay
    on: bool

    def __bytes__(self) -> bytes:
        code = (_ON if self.on else _OFF) + self.relay.number
        return bytes([_START, code, self.relay.bank])

    def __str__(self) -> str:
        return f"switch {'on' if self.on else 'off'} {self.relay}"


class Read(Struct, frozen=True):
    """Ask whether a relay is on."""

    relay: Relay

    def __bytes__(self) -> bytes:
        return bytes([_START, _READ + self.relay.number, self.relay.bank])

    def __str__(self) -> str:
        return f"read {self.relay}"


class LinkTest(Struct, frozen=True):
    """Ask for nothing but an answer."""

    def __bytes__(self) -> bytes:
        return bytes([_START, _LINK_TEST])

    def __str__(self) -> str:
        return "link test"


Command = Switch | Read | LinkTest


def parse_relay(rest: str) -> Relay:
    """The relay that an outlet's "bank/relay" means; BadRelay if it means none."""
    if not (match := _REST.fullmatch(rest)):
        raise BadRelay(f"{rest!r} is not BANK/RELAY with a bank 1-32 and a relay 1-8")
    return Relay(*map(int, match.groups()))


def parse_command(packet: bytes) -> Command:
    """The one command of a packet; BadCommand for anything less, more or unknown."""
    if packet == bytes(LinkTest()):
        return LinkTest()
    if len(packet) == 3 and packet[0] == _START and packet[2] in BANKS:
        kind, number = divmod(packet[1] - _OFF - 1, 8)
        relay = Relay(packet[2], number + 1)
        if kind in (0, 1):
            return Switch(relay, on=kind == 1)
        if kind == 2:
            return Read(relay)
    raise BadCommand(f"{_decimal(packet)} is not a command")


def answer_length(command: Command, dialect: Dialect) -> int:
    """How many bytes the answer to a command has."""
    return 2 if isinstance(command, Switch) and dialect == "advanced" else 1


def parse_answer(command: Command, answer: bytes, dialect: Dialect) -> bool:
    """Whether the relay is on, of a Read; True of the others, which can but succeed.

    WrongAnswer if these bytes are not what the command is answered with.
    """
    match command:
        case Read() if answer in (b"\0", b"\1"):
            return answer == b"\1"
        case Switch(relay=relay) if dialect == "advanced":
            if len(answer) == 2 and answer[0] == relay.bank:
                return True
        case Switch() | LinkTest() if answer == bytes([_OK]):
            return True
    raise WrongAnswer(f"{_decimal(answer)} does not answer: {command}")


def encode_answer(
    command: Command, relays_on: Collection[Relay], dialect: Dialect
) -> bytes:
    """What a relay board answers once a command is done; `relays_on` as of then."""
    match command:
        case Read(relay=relay):
            return bytes([relay in relays_on])
        case Switch(relay=relay) if dialect == "advanced":
            mask = sum(1 << on.number - 1 for on in relays_on if on.bank == relay.bank)
            return bytes([relay.bank, mask])
        case _:
            return bytes([_OK])


def _decimal(data: bytes) -> str:
    return " ".join(map(str, data)) or "nothing"
