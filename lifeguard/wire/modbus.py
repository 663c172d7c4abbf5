"""Modbus over TCP, as far as coils need it, as records and as bytes.

A request is `encode`d with a number of the asker's, from 0 to 65535, which its answer
has too. `answer_length` tells from its first bytes how long an answer is, and
`parse_answer` reads it. What a coil does to a board is not known here.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from msgspec import Struct

COILS = range(65536)
"""As they go over the wire; many manuals call the first one 1."""

_HEADER = struct.Struct(">HHHB")
"""The request's number, 0 for Modbus, how many bytes follow, and the unit."""
_LENGTH_AT = 6
"""The bytes before those that the header counts."""
_LONGEST = 254
"""Of what the header counts."""

_READ_COILS, _WRITE_COIL = 1, 5
_REFUSED = 0x80
"""Added to the function of a request that is answered by an error."""
_ON, _OFF = 0xFF00, 0x0000

_REASONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, but it takes long",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}


class WrongAnswer(ValueError):
    """Bytes that do not answer the request that was sent."""


class Read(Struct, frozen=True):
    """Ask whether a coil is on."""

    unit: int
    coil: int

    def __str__(self) -> str:
        return f"read coil {self.coil} of unit {self.unit}"


class Write(Struct, frozen=True):
    """Switch a coil."""

    unit: int
    coil: int
    on: bool

    def __str__(self) -> str:
        wanted = "on" if self.on else "off"
        return f"switch {wanted} coil {self.coil} of unit {self.unit}"


Request = Read | Write


class Refusal(NamedTuple):
    """An answer that says no."""

    code: int

    def __str__(self) -> str:
        return f"{_REASONS.get(self.code, 'unknown')} (exception {self.code})"


def encode(request: Request, number: int) -> bytes:
    """The bytes of a request."""
    body = _body(request)
    return _HEADER.pack(number, 0, 1 + len(body), request.unit) + body


def answer_length(received: bytes) -> int | None:
    """How long the answer is that begins so; None: too little to tell.

    WrongAnswer if it is none of Modbus.
    """
    if len(received) < _HEADER.size:
        return None
    _, protocol, length, _ = _HEADER.unpack_from(received)
    if protocol != 0 or not 3 <= length <= _LONGEST:
        raise WrongAnswer(f"{received[: _HEADER.size].hex(' ')} is no header of Modbus")
    return _LENGTH_AT + int(length)


def parse_answer(request: Request, number: int, answer: bytes) -> bool | Refusal:
    """Whether the coil is on, or was switched as it was asked; or the refusal.

    WrongAnswer if these bytes are not what the request is answered with.
    """
    header, body = answer[: _HEADER.size], answer[_HEADER.size :]
    expected = _HEADER.pack(number, 0, 1 + len(body), request.unit)
    function = _body(request)[0]
    if header == expected:
        if len(body) == 2 and body[0] == function | _REFUSED:
            return Refusal(body[1])
        if isinstance(request, Read) and body[:2] == bytes([function, 1]):
            if len(body) == 3 and body[2] in (0, 1):
                return body[2] == 1
        elif body == _body(request):
            return True
    raise WrongAnswer(f"{answer[:32].hex(' ')} does not answer: {request}")


def _body(request: Request) -> bytes:
    if isinstance(request, Write):
        value = _ON if request.on else _OFF
        return struct.pack(">BHH", _WRITE_COIL, request.coil, value)
    return struct.pack(">BHH", _READ_COILS, request.coil, 1)
