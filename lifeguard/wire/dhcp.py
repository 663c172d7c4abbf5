"""The messages of DHCP, as records and as bytes (RFC 2131, RFC 2132, RFC 3396).

`parse` makes a record of a datagram, `bytes(message)` a datagram of a record. What
PXE adds (RFC 4578) is read here too; who is answered, and how, is not decided here.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from socket import inet_aton, inet_ntoa
from typing import Final
from uuid import UUID

from msgspec import Struct

REQUEST: Final = 1
REPLY: Final = 2
"""The operations of BOOTP: what clients send, and what servers send."""

NOWHERE: Final = "0.0.0.0"

_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_COOKIE = bytes([99, 130, 83, 99])
_SMALLEST = 300  # bytes of a BOOTP message: relays may drop shorter ones (RFC 1542)

_ETHERNET, _MAC_LENGTH = 1, 6
_UUID, _MACHINE_LENGTH = 0, 17
_LONGEST_HARDWARE_ADDRESS = 16

_PAD, _END = 0, 255
_LONGEST_VALUE = 255


class Malformed(ValueError):
    """A datagram that is no DHCP message."""


class MessageType(IntEnum):
    """What a message is about, as far as PXE needs it."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    INFORM = 8


class Option(IntEnum):
    """The options that anything here reads or sends."""

    VENDOR_OPTIONS = 43
    MESSAGE_TYPE = 53
    SERVER = 54
    VENDOR_CLASS = 60
    CLIENT = 61
    TFTP_SERVER = 66
    BOOT_FILE = 67
    USER_CLASS = 77
    RELAY = 82
    ARCHITECTURES = 93
    MACHINE = 97


class Message(Struct, frozen=True, kw_only=True):
    """One message; addresses are dotted, `options` by number in the order sent.

    `file` ends at its first NUL and is cut at 128 bytes; the field for a server's name
    is left empty.
    """

    operation: int
    transaction: int
    hardware_address: bytes
    hardware_type: int = _ETHERNET
    hops: int = 0
    seconds: int = 0
    flags: int = 0
    client_address: str = NOWHERE
    your_address: str = NOWHERE
    next_server: str = NOWHERE
    relay_address: str = NOWHERE
    file: bytes = b""
    options: dict[int, bytes] = {}

    @property
    def mac(self) -> str | None:
        """In lower case with colons; None for what is not Ethernet."""
        if self.hardware_type != _ETHERNET or len(self.hardware_address) != _MAC_LENGTH:
            return None
        return self.hardware_address.hex(":")

    @property
    def uuid(self) -> str | None:
        """What the machine calls itself, in lower case; None where it says nothing.

        Its bytes are in the order sent: firmware may mean another (see `netboot`).
        """
        value = self.options.get(Option.MACHINE, b"")
        if len(value) != _MACHINE_LENGTH or value[0] != _UUID:
            return None
        return str(UUID(bytes=value[1:]))

    @property
    def type(self) -> int:
        """A `MessageType` or another number; 0 is plain BOOTP."""
        return int.from_bytes(self.options.get(Option.MESSAGE_TYPE, b""))

    @property
    def architectures(self) -> tuple[int, ...]:
        """What the client can run, as IANA numbers it for RFC 4578; best first."""
        value = self.options.get(Option.ARCHITECTURES, b"")
        return struct.unpack_from(f"!{len(value) // 2}H", value)

    def __bytes__(self) -> bytes:
        header = _HEADER.pack(
            self.operation,
            self.hardware_type,
            len(self.hardware_address),
            self.hops,
            self.transaction,
            self.seconds,
            self.flags,
            inet_aton(self.client_address),
            inet_aton(self.your_address),
            inet_aton(self.next_server),
            inet_aton(self.relay_address),
            self.hardware_address,
            b"",
            self.file,
            _COOKIE,
        )
        return (header + encode_options(self.options)).ljust(_SMALLEST, b"\0")


def parse(datagram: bytes) -> Message:
    """The message in a datagram; raises `Malformed` and nothing else.

    Tolerated: options without an end. The fields for server name and file are never
    read as options (RFC 2132, option 52): no PXE client sends them so.
    """
    if len(datagram) < _HEADER.size:
        raise Malformed("shorter than any message")
    (
        operation,
        hardware_type,
        hardware_length,
        hops,
        transaction,
        seconds,
        flags,
        *addresses,
        hardware_address,
        _,
        file,
        cookie,
    ) = _HEADER.unpack_from(datagram)
    if cookie != _COOKIE:
        raise Malformed("BOOTP without options")
    if hardware_length > _LONGEST_HARDWARE_ADDRESS:
        raise Malformed(f"a hardware address of {hardware_length} bytes")
    client, your, next_server, relay = map(inet_ntoa, addresses)
    return Message(
        operation=operation,
        transaction=transaction,
        hardware_address=hardware_address[:hardware_length],
        hardware_type=hardware_type,
        hops=hops,
        seconds=seconds,
        flags=flags,
        client_address=client,
        your_address=your,
        next_server=next_server,
        relay_address=relay,
        file=file.partition(b"\0")[0],
        options=decode_options(datagram[_HEADER.size :]),
    )


def decode_options(data: bytes) -> dict[int, bytes]:
    """Options by number; the parts of one that was split are joined (RFC 3396)."""
    options: dict[int, bytes] = {}
    place = 0
    while place < len(data) and (number := data[place]) != _END:
        place += 1
        if number != _PAD:
            value = _value(data, place)
            place += 1 + len(value)
            options[number] = options.get(number, b"") + value
    return options


def _value(data: bytes, place: int) -> bytes:
    """The value whose length stands at that place, and which follows it."""
    length = data[place] if place < len(data) else _LONGEST_VALUE
    value = data[place + 1 : place + 1 + length]
    if len(value) < length:
        raise Malformed("an option is cut short")
    return value


def encode_options(options: dict[int, bytes]) -> bytes:
    """Options with their end; values longer than 255 bytes are split (RFC 3396)."""
    encoded = b""
    for number, value in options.items():
        for start in range(0, len(value) or 1, _LONGEST_VALUE):
            part = value[start : start + _LONGEST_VALUE]
            encoded += bytes([number, len(part)]) + part
    return encoded + bytes([_END])
