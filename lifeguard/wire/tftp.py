"""The packets of TFTP, as records and as bytes (RFC 1350, RFC 2347).

`parse` makes a record of a datagram, `bytes(record)` a datagram of a record. File
names, modes and options keep what came, spelling and order: bytes that are not
UTF-8 survive as surrogate escapes. What the values mean is not decided here.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from msgspec import Struct

Options = tuple[tuple[str, str], ...]
"""Name and value of each option, in the order sent."""

_OPCODE = struct.Struct("!H")
_HEADER = struct.Struct("!HH")


class Malformed(ValueError):
    """A datagram that is no TFTP packet."""


class Code(IntEnum):
    """The error codes of RFC 1350 and 2347 that anything here sends."""

    NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    ILLEGAL_OPERATION = 4
    OPTIONS_REFUSED = 8


class Rrq(Struct, frozen=True):
    """A request to read."""

    filename: str
    mode: str
    options: Options = ()

    def __bytes__(self) -> bytes:
        return _OPCODE.pack(1) + _request_body(self)


class Wrq(Struct, frozen=True):
    """A request to write."""

    filename: str
    mode: str
    options: Options = ()

    def __bytes__(self) -> bytes:
        return _OPCODE.pack(2) + _request_body(self)


class Data(Struct, frozen=True):
    """One block of a file; `block` counts from 1 and rolls over to 0."""

    block: int
    payload: bytes

    def __bytes__(self) -> bytes:
        return _HEADER.pack(3, self.block) + self.payload


class Ack(Struct, frozen=True):
    """Everything up to `block` has arrived; 0 answers an OACK."""

    block: int

    def __bytes__(self) -> bytes:
        return _HEADER.pack(4, self.block)


class Error(Struct, frozen=True):
    """The end of a transfer."""

    code: int
    text: str = ""

    def __bytes__(self) -> bytes:
        return _HEADER.pack(5, self.code) + _strings(self.text)


class Oack(Struct, frozen=True):
    """The options that the server grants."""

    options: Options

    def __bytes__(self) -> bytes:
        return _OPCODE.pack(6) + _option_body(self.options)


Packet = Rrq | Wrq | Data | Ack | Error | Oack


def parse(datagram: bytes) -> Packet:
    """The packet in a datagram; raises `Malformed` and nothing else.

    Tolerated, because firmware does it: bytes after an ACK, an ERROR text without
    its NUL, an option name without a value at the end of a request.
    """
    if len(datagram) < 4:
        raise Malformed("shorter than any packet")
    opcode, number = _HEADER.unpack_from(datagram)
    match opcode:
        case 1:
            return Rrq(*_parse_request(datagram[2:]))
        case 2:
            return Wrq(*_parse_request(datagram[2:]))
        case 3:
            return Data(number, datagram[4:])
        case 4:
            return Ack(number)
        case 5:
            return Error(number, _text(datagram[4:].partition(b"\0")[0]))
        case 6:
            return Oack(_pairs(_split(datagram[2:])))
    raise Malformed(f"unknown opcode {opcode}")


def _parse_request(body: bytes) -> tuple[str, str, Options]:
    strings = _split(body)
    if len(strings) < 2:
        raise Malformed("a request without a mode")
    return strings[0], strings[1], _pairs(strings[2:])


def _split(body: bytes) -> list[str]:
    if not body.endswith(b"\0"):
        raise Malformed("the final NUL is missing")
    return _text(body[:-1]).split("\0")


def _pairs(strings: list[str]) -> Options:
    return tuple(zip(strings[::2], strings[1::2], strict=False))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _request_body(request: Rrq | Wrq) -> bytes:
    return _strings(request.filename, request.mode) + _option_body(request.options)


def _option_body(options: Options) -> bytes:
    return b"".join(_strings(name, value) for name, value in options)


def _strings(*strings: str) -> bytes:
    return b"".join(
        string.encode("utf-8", "surrogateescape") + b"\0" for string in strings
    )
