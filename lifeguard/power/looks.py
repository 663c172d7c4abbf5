"""Who wants to know whether an outlet has power, and touches nothing."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from lifeguard.power.errors import RelayError


class Look:
    """One of them; nobody listens any more to one that was taken back."""

    def __init__(self, outlet: str, found: Deferred[bool | None]) -> None:
        self.outlet, self._found = outlet, found

    def succeed(self, has_power: bool | None) -> None:
        """That is what was found."""
        if not self._found.called:
            self._found.callback(has_power)

    def fail(self, error: RelayError) -> None:
        """It could not be made."""
        if not self._found.called:
            self._found.errback(error)


class Looks:
    """All that wait, the first first."""

    def __init__(self) -> None:
        self._waiting: deque[Look] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, outlet: str) -> Deferred[bool | None]:
        """Fires with what is found; to cancel it takes it back."""
        found: Deferred[bool | None] = Deferred(lambda _: self._take_back(look))
        look = Look(outlet, found)
        self._waiting.append(look)
        return found

    def take(self) -> Look | None:
        """The next one."""
        return self._waiting.popleft() if self._waiting else None

    def take_all(self) -> list[Look]:
        """Every one of them."""
        waiting, self._waiting = self._waiting, deque()
        return list(waiting)

    def _take_back(self, look: Look) -> None:
        if look in self._waiting:
            self._waiting.remove(look)
