"""Who tells what has become of a relay board: to the log, and to all who listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.power.condition import Condition

log = Logger()


class Herald:
    """Tells each state of `condition` once, when it is asked to."""

    def __init__(self, relay_board: str, condition: Condition) -> None:
        self._relay_board, self._condition = relay_board, condition
        self._told = condition.since
        self._listeners: list[Callable[[], None]] = []

    def hear(self, listener: Callable[[], None]) -> None:
        """Have `listener` called with each state that is another."""
        self._listeners.append(listener)

    def tell(self) -> None:
        """If the relay board is in another state than was told, tell that."""
        before, after = self._told, self._condition.since
        if after is before:
            return
        self._told = after
        log.warn(
            "{relay_board}: {old} --> {new}{why}",
            relay_board=self._relay_board,
            old=before.state,
            new=after.state,
            why=f" ({after.why})" if after.why else "",
        )
        for listener in self._listeners:
            listener()
