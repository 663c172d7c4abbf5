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


class UnknownBoards:
    """The boards of this run that asked, by address."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._boards: dict[str, UnknownBoard] = {}

    def asks(self, address: str, filename: str, name: SearchName) -> None:
        """Somebody at `address` asks for `filename`, which is on a search list."""
        now = self._wall()
        old = self._boards.pop(address, None) or UnknownBoard(
            address=address, first_seen=now, last_seen=now
        )
        shown = filename[:LONGEST_NAME]
        others = [other for other in old.asked if other != shown]
        self._boards[address] = UnknownBoard(
            address=address,
            mac=name.mac or old.mac,
            uuid=name.uuid or old.uuid,
            serial=name.serial or old.serial,
            first_seen=old.first_seen,
            last_seen=now,
            requests=old.requests + 1,
            asked=(*others, shown)[-MOST_NAMES:],
        )
        if len(self._boards) > MOST:
            del self._boards[next(iter(self._boards))]

    def seen(self) -> list[UnknownBoard]:
        """The boards, the one that asked last first."""
        return list(reversed(self._boards.values()))
