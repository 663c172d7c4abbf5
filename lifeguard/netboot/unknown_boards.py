"""Boards that asked for something to boot and are in no inventory: seen, not managed.

Whoever can send a datagram can be here, so there is a limit to everything.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from lifeguard.clock import WallClock
    from lifeguard.netboot.names import SearchName

MOST = 256
"""Boards; the one that has been silent for the longest makes room."""

MOST_NAMES = 16
LONGEST_NAME = 128


class UnknownBoard(Struct, frozen=True, kw_only=True):
    """What an address asked for, and what the names told of the board there.

    `asked` are the newest names, each once, the newest last.
    """

    address: str
    mac: str | None = None
    uuid: str | None = None
    serial: str | None = None
    first_seen: datetime
    last_seen: datetime
    requests: int = 0
    asked: tuple[str, ...] = ()


class _Asking:
    """What is known of one so far; a storm changes it with each request."""

    __slots__ = (
        "asked",
        "first_seen",
        "last_seen",
        "mac",
        "requests",
        "serial",
        "uuid",
    )

    def __init__(self, now: datetime) -> None:
        self.mac: str | None = None
        self.uuid: str | None = None
        self.serial: str | None = None
        self.first_seen = self.last_seen = now
        self.requests = 0
        self.asked: dict[str, None] = {}

    def asks(self, filename: str, name: SearchName, now: datetime) -> None:
        self.mac = name.mac or self.mac
        self.uuid = name.uuid or self.uuid
        self.serial = name.serial or self.serial
        self.last_seen = now
        self.requests += 1
        self.asked.pop(filename, None)
        self.asked[filename] = None
        if len(self.asked) > MOST_NAMES:
            del self.asked[next(iter(self.asked))]

    def record(self, address: str) -> UnknownBoard:
        return UnknownBoard(
            address=address,
            mac=self.mac,
            uuid=self.uuid,
            serial=self.serial,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            requests=self.requests,
            asked=tuple(self.asked),
        )


class UnknownBoards:
    """The boards of this run that asked, by address."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._boards: dict[str, _Asking] = {}

    def asks(self, address: str, filename: str, name: SearchName) -> None:
        """Somebody at `address` asks for `filename`, which is on a search list."""
        now = self._wall()
        board = self._boards.pop(address, None) or _Asking(now)
        board.asks(filename[:LONGEST_NAME], name, now)
        self._boards[address] = board
        if len(self._boards) > MOST:
            del self._boards[next(iter(self._boards))]

    def seen(self) -> list[UnknownBoard]:
        """The boards, the one that asked last first."""
        boards = self._boards.items()
        return [board.record(address) for address, board in reversed(boards)]
