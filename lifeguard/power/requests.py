"""What waits to be switched on one relay board: at most one request an outlet.

What is urgent goes first, then switching on, then switching off; among equals, what has
waited longest. Two who want the same of an outlet share a request; of two opposite
wishes the newer stands.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from lifeguard.power.errors import Superseded

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.power.errors import RelayError

_URGENT, _ON, _OFF = range(3)


class Request:
    """One outlet that is to be switched, for all who have asked for just that."""

    def __init__(self, outlet: str, on: bool) -> None:
        self.outlet, self.on = outlet, on
        self.urgency = _ON if on else _OFF
        self.callers: list[Deferred[None]] = []

    def succeed(self) -> None:
        """It has been done."""
        for caller in self._heard():
            caller.callback(None)

    def fail(self, error: RelayError) -> None:
        """It has not, and will not be."""
        for caller in self._heard():
            caller.errback(error)

    def _heard(self) -> list[Deferred[None]]:
        callers, self.callers = self.callers, []
        return callers


class Requests:
    """All that wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, Request] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, outlet: str, on: bool, urgent: bool) -> Deferred[None]:
        """Fires when the outlet has been switched so; to cancel it takes it back."""
        older = self._waiting.get(outlet)
        request = Request(outlet, on) if older is None or older.on != on else older
        self._waiting[outlet] = request
        if urgent:
            request.urgency = _URGENT
        caller: Deferred[None] = Deferred(lambda each: self._take_back(request, each))
        request.callers.append(caller)
        if older is not None and older is not request:
            older.fail(_superseded(older))
        return caller

    def any(self, decides: Callable[[str], bool]) -> bool:
        """Whether one waits for an outlet of which `decides` is true."""
        return any(map(decides, self._waiting))

    def take(
        self, on_too: bool, decides: Callable[[str], bool] | None = None
    ) -> Request | None:
        """The next one; without `on_too`, only of those that switch off.

        With `decides`, one of whose outlet that is true goes before all others.
        """
        able = [each for each in self._waiting.values() if on_too or not each.on]
        if decides is not None:
            able = [each for each in able if decides(each.outlet)] or able
        if not able:
            return None
        request: Request = min(able, key=attrgetter("urgency"))
        return self._waiting.pop(request.outlet)

    def put_back(self, request: Request) -> None:
        """It is to be tried again, after all others that are as urgent."""
        newer = self._waiting.get(request.outlet)
        if newer is None:
            if request.callers:
                self._waiting[request.outlet] = request
        elif newer.on == request.on:
            newer.callers += request.callers
        else:
            request.fail(_superseded(request))

    def take_all(self) -> list[Request]:
        """Every one of them."""
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())

    def _take_back(self, request: Request, caller: Deferred[None]) -> None:
        if caller in request.callers:
            request.callers.remove(caller)
        if not request.callers and self._waiting.get(request.outlet) is request:
            del self._waiting[request.outlet]


def _superseded(request: Request) -> Superseded:
    opposite = "off" if request.on else "on"
    return Superseded(f"to be switched {opposite} instead, as was asked for since")
