"""What nobody means well with: datagrams, requests and answers that went wrong.

Pure bytes, all from a seeded `Random`, so that what broke something can be made again.
Most are valid ones with a few things wrong, as those get furthest; the rest is noise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from lifeguard.wire.proxr import Dialect, Relay, Switch, encode_answer, parse_command
from lifeguard.wire.tftp import Ack, Data, Error, Oack, Rrq, Wrq

SPOILT_BYTES = (b"\0", b"\xff", b"%", b"/", b"..", b"\\", b'"', b"\r\n", b"9" * 30)
"""Bytes that mean something to somebody."""

NOWHERE = "no-such-thing"


# What can go wrong with bytes.


def _flip(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _cut(random: Random, data: bytes) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    return data[:end] + data[start:end] * random.randint(1, 9) + data[end:]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    noise = random.randbytes(random.randint(1, 9))
    return data[:at] + random.choice([noise, *SPOILT_BYTES]) + data[at:]


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


_MISHAPS = (_flip, _flip, _cut, _repeat, _insert, _insert, _truncate)


def mutated(random: Random, data: bytes) -> bytes:
    """`data` with one to three things wrong with it."""
    for _ in range(random.randint(1, 3)):
        data = random.choice(_MISHAPS)(random, data or b"\0")
    return data


# TFTP.

LARGEST_DATAGRAM = 65_507
"""Bytes that UDP carries over IPv4."""

_MODES = ("octet", "octet", "OCTET", "netascii", "mail", "")
_OPTIONS = ("blksize", "BLKSIZE", "tsize", "timeout", "windowsize", "multicast", "")
_VALUES = ("0", "1", "8", "512", "1468", "65464", "65536", "-1", "1e3", "٣", "", "x")


def datagram(random: Random, names: Sequence[str]) -> bytes:
    """Something for the port that takes requests; `names` are of files there are."""
    kind = random.random()
    if kind < 0.1:
        return random.randbytes(random.randrange(600))
    if kind < 0.2:
        opcode = random.randrange(8).to_bytes(2, "big")
        return opcode + random.randbytes(random.randrange(60))
    if kind < 0.3:
        return reply(random)
    request = _tftp_request(random, names)
    return request if kind < 0.6 else _mutated_packet(random, request)


def reply(random: Random) -> bytes:
    """Something for the port of a transfer."""
    block = random.choice([0, 1, 2, 3, 65535])
    options = (("blksize", "512"),)
    packets = (Ack(block), Data(block, b"x" * 512), Error(block, "no"), Oack(options))
    packet = bytes(random.choice(packets))
    return packet if random.random() < 0.5 else _mutated_packet(random, packet)


def _mutated_packet(random: Random, packet: bytes) -> bytes:
    return mutated(random, packet)[:LARGEST_DATAGRAM]


def _tftp_request(random: Random, names: Sequence[str]) -> bytes:
    name = random.choice([*names, "/" + names[0], "../operator.token", NOWHERE])
    options = tuple(
        (random.choice(_OPTIONS), random.choice(_VALUES))
        for _ in range(random.randrange(4))
    )
    kind: type[Rrq | Wrq] = Rrq if random.random() < 0.8 else Wrq
    return bytes(kind(name, random.choice(_MODES), options))


# HTTP.


class Target(NamedTuple):
    """What a thief would like to know; `path` is where the board's events go."""

    path: str
    boot_token: str
    operator_token: str


class Request(NamedTuple):
    """A whole request; it must be answered with one of `statuses`."""

    data: bytes
    statuses: frozenset[int]


_PATHS = (
    "/",
    "/healthz",
    "/readyz",
    "/files/debian/kernel",
    "/files/pxelinux.cfg/default",
    "/files/../operator.token",
    "/files/%2e%2e/%2e%2e/lifeguard.sqlite",
    "/api/v1/openapi.json",
    "/api/v1/boards",
    "/api/v1/boards?name=sim-*&state=R*&limit=2&after=sim-01",
    "/api/v1/boards/sim-01",
    "/api/v1/boards/sim-01/history?limit=10&before=99",
    "/api/v1/boards/sim-01/boot-config",
    "/api/v1/boards/sim-01/state",
    "/api/v1/boards/sim-01/events/rq-reboot",
    "/api/v1/boards/sim-01/events/image-running?token=1.00",
    "/api/v1/images",
    "/api/v1/relay-boards",
    "/api/v1/relay-boards/rack1/test",
    "/api/v1/health/release",
)
_METHODS = ("GET", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "X")
_HEADERS = (
    b"Range: bytes=0-99",
    b"Range: bytes=999999999-",
    b"Range: bytes=-1,5-2,99999999999999999999-",
    b"Accept: text/html;q=x",
    b"Accept-Encoding: gzip, br;q=-1",
    b"Authorization: Basic b3BlcmF0b3I6",
    b"Content-Type: multipart/form-data; boundary=x",
    b"Cookie: a=b; c",
    b"If-Modified-Since: Thu, 99 Foo 2026",
    b"If-None-Match: *",
    b"Host: [::1",
    b"Origin: null",
    b"X-Forwarded-For: 127.0.0.1",
)

_ANSWERS = frozenset({200, 400, 403, 404, 405})
_TURNED_AWAY = frozenset({403})
_BAD_BODIES = frozenset({400, 413, 422})


def requests(random: Random, target: Target) -> Iterator[Request]:
    """Requests without end that are answered each, one after another."""
    kinds = (_odd_path, _odd_headers, _odd_token, _odd_body, _odd_chunks)
    while True:
        yield random.choice(kinds)(random, target)


def torn_requests(random: Random, target: Target) -> Iterator[bytes]:
    """Requests without end that are no requests any more, each for a connection."""
    whole = requests(random, target)
    while True:
        if random.random() < 0.3:
            yield random.choice(_TORN)(random)
        else:
            yield mutated(random, next(whole).data)


def framed(method: str, path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """A whole request; a body has its length."""
    length = [b"Content-Length: %d" % len(body)] if body else []
    first = b"%s %s HTTP/1.1" % (method.encode(), path)
    return b"\r\n".join([first, b"Host: localhost", *length, *headers, b"", body])


def _odd_path(random: Random, target: Target) -> Request:
    path = mutated(random, random.choice(_PATHS).encode())
    keep = random.choice(["/?&=%.-*", "/?&=%.-*" + "\\;+:@!$'()[]{}|^~`\"<>,#"])
    quoted = quote_from_bytes(path, keep).encode()
    return Request(framed(random.choice(_METHODS), b"/" + quoted[1:]), _ANSWERS)


def _odd_headers(random: Random, target: Target) -> Request:
    path = random.choice([b"/api/v1/boards", b"/files/debian/kernel"])
    headers = [
        name + b":" + _one_line(mutated(random, value))
        for header in random.choices(_HEADERS, k=random.randint(1, 9))
        for name, _, value in [header.partition(b":")]
    ]
    request = framed("GET", path, *headers)
    # What stands in an Authorization header is a token, and a wrong one.
    return Request(request, frozenset({200, 206, 304, 403, 416}))


def _odd_token(random: Random, target: Target) -> Request:
    token = _wrong_token(random, target)
    path = target.path.encode() + random.choice([b"image-running", b"rq-reboot"])
    if random.random() < 0.5:
        query = b"?token=" + quote_from_bytes(token).encode()
        return Request(framed("POST", path + query), _TURNED_AWAY)
    bearer = b"Authorization: Bearer " + token
    return Request(framed("POST", path, bearer), _TURNED_AWAY)


def _wrong_token(random: Random, target: Target) -> bytes:
    """Almost a token; blanks around one are no mistake."""
    real = [target.boot_token.encode(), target.operator_token.encode()]
    while (token := _one_line(mutated(random, random.choice(real)))).strip() in real:
        pass
    return token


def _odd_body(random: Random, target: Target) -> Request:
    operator = b"Authorization: Bearer " + target.operator_token.encode()
    path = target.path.encode() + b"rq-reimage"
    body = random.choice(_BODIES)(random)
    return Request(framed("POST", path, operator, body=body or b" "), _BAD_BODIES)


def _odd_chunks(random: Random, target: Target) -> Request:
    operator = b"Authorization: Bearer " + target.operator_token.encode()
    path = target.path.encode() + b"rq-reimage"
    body = random.choice(_BODIES)(random)
    chunks = [body[at : at + 700] for at in range(0, len(body), 700)]
    encoded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = framed("POST", path, b"Transfer-Encoding: chunked", operator)
    return Request(head + encoded + b"0\r\n\r\n", _BAD_BODIES)


def _one_line(data: bytes) -> bytes:
    return data.translate(None, b"\r\n\0")


_REIMAGE = json.dumps(
    {"image": NOWHERE, "boot_config": {"a": [1, 2.5, None, "ü"], "b": {"c": True}}}
).encode()

_BODIES: tuple[Callable[[Random], bytes], ...] = (
    lambda random: mutated(random, _REIMAGE),
    lambda random: mutated(random, _REIMAGE),
    lambda random: random.randbytes(random.randint(1, 99)),
    lambda random: random.choice([b"null", b"[]", b"1e999", b'"x"', b"{", b"NaN"]),
    lambda random: _nested(random.choice([20, 33, 900, 30_000])),
    lambda random: b'{"image":"%s"}' % (b"x" * random.choice([64, 60_000, 99_000])),
    lambda random: b'{"image":%s}' % random.choice([b"0", b"{}", b'"\\ud800"', b"[]"]),
)


def _nested(levels: int) -> bytes:
    deep = b"[" * levels + b"]" * levels
    return b'{"image":"%s","boot_config":{"a":%s}}' % (NOWHERE.encode(), deep)


_TORN: tuple[Callable[[Random], bytes], ...] = (
    lambda random: random.randbytes(random.randint(1, 999)),
    lambda random: b"\x16\x03\x01\x02\x00\x01\x00" + random.randbytes(99),  # TLS
    lambda random: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.randbytes(30),
    lambda random: b"GET /" + b"a" * random.choice([16_000, 17_000, 70_000]),
    lambda random: framed("GET", b"/", *[b"X: y"] * random.choice([499, 501, 900])),
    lambda random: framed("GET", b"/", b"X: " + b"y" * 17_000),
    lambda random: framed("POST", b"/", _length(random), body=random.randbytes(9)),
    lambda random: (
        framed("POST", b"/", b"Transfer-Encoding: " + _coding(random))
        + random.choice([b"-1", b"zz", b"f" * 99, b"5;x=y", b"5"])
        + b"\r\nabcdefg\r\n0\r\n"
    ),
    lambda random: framed("GET", b"/api/v1/stream")[: random.randint(1, 60)],
    lambda random: framed("GET", b"/api/v1/stream"),
    lambda random: (
        b"GET http://%s/ HTTP/1.%d\r\n\r\n" % (b"[" * 9, random.randrange(9))
    ),
)


def _length(random: Random) -> bytes:
    values = (b"-1", b"0", b"8", b"+9", b"9, 9", b"9" * 40, "\u0663".encode(), b"")
    return b"Content-Length: " + random.choice(values)


def _coding(random: Random) -> bytes:
    return random.choice([b"chunked", b"chunked, chunked", b"gzip", b"identity", b""])


# ProXR.


class Liar:
    """A relay board that says the truth half of the time, unless it is `honest`."""

    def __init__(self, random: Random, dialect: Dialect) -> None:
        self.honest, self.answered = False, 0
        self.relays_on: set[Relay] = set()
        self._random, self._dialect = random, dialect

    def answer(self, packet: bytes) -> list[bytes]:
        """The pieces of an answer; nothing at all is one."""
        self.answered += 1
        command = parse_command(packet)
        if isinstance(command, Switch) and self._means_it():
            change = self.relays_on.add if command.on else self.relays_on.discard
            change(command.relay)
        right = encode_answer(command, self.relays_on, self._dialect)
        return [right] if self._means_it() else self._lie(right)

    def _means_it(self) -> bool:
        return self.honest or self._random.random() < 0.5

    def _lie(self, right: bytes) -> list[bytes]:
        random = self._random
        return random.choice(
            [
                [],
                [right[:-1]],
                [mutated(random, right)],
                [right, random.randbytes(random.randint(1, 9))],
                [bytes([piece]) for piece in right * 40],
                [random.randbytes(random.randint(1, 2))],
                [random.randbytes(4096)] * 16,
            ]
        )
