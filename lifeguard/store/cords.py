"""A cord on every open connection, by which another thread ends the call under way.

A thread that waits for a silent server, or for a long statement, can do nothing for
itself. Whoever finds that it has waited long enough pulls the cords.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry


class Cord(Protocol):
    """What is tied to one connection."""

    def pull(self) -> None:
        """Make the call under way fail; from any thread, never blocks."""

    def let_go(self) -> None:
        """The connection is about to be closed."""


class Cords:
    """The cords of all connections of the engines that are watched."""

    def __init__(self, tie: Callable[[Any], Cord]) -> None:
        self._tie = tie
        # Weak: a connection that fails while it is set up is never said to close.
        self._tied: WeakSet[Cord] = WeakSet()
        self._turn = threading.Lock()

    def watch(self, engine: Engine) -> None:
        """Tie a cord to each connection, before anything is said on it."""
        event.listen(engine, "connect", self._opened, insert=True)
        event.listen(engine, "close", self._closing)

    def pull(self) -> None:
        """End every call under way. Harmless to a connection that is idle."""
        with self._turn:
            for cord in self._tied:
                cord.pull()

    def _opened(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info["cord"] = cord = self._tie(connection)
        with self._turn:
            self._tied.add(cord)

    def _closing(
        self, _connection: DBAPIConnection, entry: ConnectionPoolEntry
    ) -> None:
        # A connection that could not be tied is closed, too.
        cord: Cord | None = entry.info.get("cord")
        if cord is None:
            return
        with self._turn:
            self._tied.discard(cord)
            cord.let_go()
