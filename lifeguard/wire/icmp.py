"""Echo request and echo reply as bytes: what `ping` says and hears (RFC 792).

IPv4 only for now: ICMPv6 has other types, and a checksum over a pseudo header.
"""

from __future__ import annotations

from struct import Struct, unpack
from typing import NamedTuple

_HEADER = Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_ECHO_REPLY = 0
_ECHO_REQUEST = 8
_PAYLOAD = b"lifeguard"
_IP_HEADER_AT_LEAST = 20


class NotAnEchoReply(ValueError):
    """The bytes are damaged, or something other than an echo reply."""


class EchoReply(NamedTuple):
    """Identifier and sequence (0 to 65535) are those of the request it answers."""

    identifier: int
    sequence: int


def checksum(data: bytes) -> int:
    """The Internet checksum of RFC 1071; 0 over data that hold their own."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def echo_request(identifier: int, sequence: int) -> bytes:
    """The message that a host answers; identifier and sequence are 0 to 65535."""
    head = _HEADER.pack(_ECHO_REQUEST, 0, 0, identifier, sequence)
    own = checksum(head + _PAYLOAD)
    return _HEADER.pack(_ECHO_REQUEST, 0, own, identifier, sequence) + _PAYLOAD


def parse_echo_reply(message: bytes) -> EchoReply:
    """Read an ICMP message, without an IP header; NotAnEchoReply if it is none."""
    if len(message) < _HEADER.size:
        raise NotAnEchoReply(f"{len(message)} bytes are too short for ICMP")
    if checksum(message):
        raise NotAnEchoReply("the checksum is wrong")
    kind, code, _, identifier, sequence = _HEADER.unpack_from(message)
    if (kind, code) != (_ECHO_REPLY, 0):
        raise NotAnEchoReply(f"ICMP type {kind}, code {code}")
    return EchoReply(identifier, sequence)


def without_ip_header(packet: bytes) -> bytes:
    """The message inside an IPv4 packet, as a raw socket gives one."""
    if len(packet) < _IP_HEADER_AT_LEAST or packet[0] >> 4 != 4:
        raise NotAnEchoReply("no IPv4 header")
    header = (packet[0] & 0xF) * 4
    if header < _IP_HEADER_AT_LEAST:
        raise NotAnEchoReply(f"an IPv4 header of {header} bytes")
    return packet[header:]
