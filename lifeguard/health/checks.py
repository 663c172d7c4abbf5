"""What can be asked of a board, and the two ways in which asking may fail.

`"ping"`, `"tcp:PORT"` and `"http://{address}:PORT/path"` are read here into
records. How the asking is done belongs to whoever provides `Probes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

_KINDS = '"ping", "tcp:PORT" or "http://{address}:PORT/path"'
_TCP = re.compile(r"tcp:([0-9]{1,5})")
_HTTP = re.compile(r"https?://\{address\}(?::([0-9]{1,5}))?(?:/[!-~]*)?")


class BadCheck(ValueError):
    """A text that names no check; its own text says what would."""


class Missed(Exception):
    """The board did not answer, or not as it should."""


class CannotPoll(Exception):
    """lifeguard could not ask, which says nothing about the board.

    The text names no board: one cause is reported once, however many it concerns.
    """


class Probes(Protocol):
    """The ways to ask a board. Each fires on an answer, or fails with `Missed` or
    `CannotPoll`; it may take for ever, and ends when it is cancelled."""

    def ping(self, address: str) -> Deferred[None]:
        """An answer is the echo reply."""

    def connect(self, address: str, port: int) -> Deferred[None]:
        """An answer is a TCP connection."""

    def fetch(self, url: str) -> Deferred[None]:
        """An answer is an HTTP status of 200 to 299."""


class Check(Protocol):
    """One thing that a healthy board answers; `str` is how the inventory says it."""

    def poll(self, address: str, probes: Probes) -> Deferred[None]:
        """Ask the board at `address`; ends as the probe does."""


@dataclass(frozen=True)
class Ping:
    """The board's kernel answers."""

    def __str__(self) -> str:
        return "ping"

    def poll(self, address: str, probes: Probes) -> Deferred[None]:
        return probes.ping(address)


@dataclass(frozen=True)
class Connect:
    """Something listens on a TCP port of the board."""

    port: int

    def __str__(self) -> str:
        return f"tcp:{self.port}"

    def poll(self, address: str, probes: Probes) -> Deferred[None]:
        return probes.connect(address, self.port)


@dataclass(frozen=True)
class Fetch:
    """A web server on the board is content; `url` holds `{address}`."""

    url: str

    def __str__(self) -> str:
        return self.url

    def poll(self, address: str, probes: Probes) -> Deferred[None]:
        return probes.fetch(self.url.replace("{address}", address))


@cache
def parse(text: str) -> Check:
    """The check that `text` names. BadCheck otherwise, made to be shown."""
    if text == "ping":
        return Ping()
    if tcp := _TCP.fullmatch(text):
        return Connect(_port(tcp[1], text))
    if http := _HTTP.fullmatch(text):
        _port(http[1] or "80", text)
        return Fetch(text)
    raise BadCheck(f"{text!r} is no health check: {_KINDS}")


def _port(digits: str, text: str) -> int:
    port = int(digits)
    if not 1 <= port <= 65535:
        raise BadCheck(f"{text!r} is no health check: a port is 1 to 65535")
    return port
