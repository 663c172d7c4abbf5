"""What a read request's options come to (RFC 2347, 2348, 2349, 7440).

A client is granted what it asked for or less, never anything that it did not name:
firmware refuses the whole transfer over that. An illegal value is as good as none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from lifeguard.wire.tftp import Options

if TYPE_CHECKING:
    from lifeguard.wire.tftp import Rrq

BLOCK_SIZE = 1468
"""Bytes of file that fit an Ethernet frame; many boot ROMs reassemble nothing, and
what a longer frame could hold may have to go through a switch that takes none."""

WINDOW_SIZE = 64
"""Blocks; where the gain of a larger window levels off (RFC 7440)."""

_LEGAL = {
    "blksize": range(8, 65464 + 1),
    "timeout": range(1, 255 + 1),
    "tsize": range(2**63),
    "windowsize": range(1, 65535 + 1),
}


class UnknownMode(ValueError):
    """Neither octet nor netascii."""


class Terms(Struct, frozen=True, kw_only=True):
    """How a transfer goes: blocks in bytes, windows in blocks, timeout in seconds."""

    mode: Literal["octet", "netascii"] = "octet"
    block_size: int = 512
    window_size: int = 1
    timeout: int | None = None
    granted: Options = ()
    """What the OACK says, in the client's spelling and order; without it, no OACK."""


def negotiate(
    request: Rrq,
    size: int,
    *,
    block_size: int = BLOCK_SIZE,
    window_size: int = WINDOW_SIZE,
) -> Terms:
    """The terms on which `size` bytes are sent; raises UnknownMode.

    `block_size` and `window_size` are the most that is granted.
    """
    mode = _mode(request)
    answers: dict[str, int] = {}
    granted = []
    for spelling, text in request.options:
        name = spelling.lower()
        asked = _legal_value(name, text)
        if asked is None or name in answers or (name, mode) == ("tsize", "netascii"):
            continue  # how long a text will be is known only when it has been sent
        most = {"blksize": block_size, "windowsize": window_size}.get(name, asked)
        answers[name] = size if name == "tsize" else min(asked, most)
        granted.append((spelling, str(answers[name])))
    return Terms(
        mode=mode,
        block_size=answers.get("blksize", 512),
        window_size=answers.get("windowsize", 1),
        timeout=answers.get("timeout"),
        granted=tuple(granted),
    )


def _mode(request: Rrq) -> Literal["octet", "netascii"]:
    match request.mode.lower():
        case "octet":
            return "octet"
        case "netascii":
            return "netascii"
    raise UnknownMode(request.mode)


def _legal_value(name: str, text: str) -> int | None:
    if len(text) > 20 or not (text.isascii() and text.isdigit()):
        return None
    value = int(text)
    return value if value in _LEGAL.get(name, ()) else None
