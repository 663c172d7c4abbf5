"""Relay boards of a virtual lab, and the queue that a daemon has for each.

Where a relay is outlives every daemon. A request is two steps, the switching and the
read-back, so that the daemon may die in between.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from lifeguard.power import RelayBoardStatus
from lifeguard.power.errors import (
    Closed,
    NoAnswer,
    NotSwitched,
    RelayError,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from lifeguard.model import Outlet
    from lifeguard.simulator.virtual.heap import LifeClock
    from lifeguard.simulator.virtual.plan import Troubles

UNREACHABLE_SECONDS = 5.0


class Rack:
    """One relay board; at first all its outlets are on."""

    def __init__(
        self,
        name: str,
        troubles: Troubles,
        random: Random,
        moved: Callable[[Outlet, bool], None],
    ) -> None:
        self.name, self.reachable = name, True
        self.off: set[Outlet] = set()
        self._troubles, self._random, self._moved = troubles, random, moved

    def pause(self) -> float:
        """Seconds that half a request takes."""
        return self._random.uniform(0.02, 0.2)

    def switch(self, outlet: Outlet, on: bool) -> RelayError | None:
        """Switch, or fail to; what a daemon that reads back learns of it."""
        if not self.reachable:
            return Unreachable("cannot be reached")
        luck = self._random.random()
        if luck < self._troubles.sticking:
            return NotSwitched("the relay stayed as it was")
        self._move(outlet, on)
        if luck < self._troubles.sticking + self._troubles.mute:
            return NoAnswer("no answer")
        return None

    def _move(self, outlet: Outlet, on: bool) -> None:
        if on != (outlet in self.off):
            return
        (self.off.discard if on else self.off.add)(outlet)
        self._moved(outlet, on)


class Observer(Protocol):
    """Who sees what a daemon asks of the relay boards."""

    def switch_asked(self, outlet: Outlet, on: bool) -> None: ...
    def switched(self, outlet: Outlet, error: RelayError | None) -> None: ...


class _Request(NamedTuple):
    outlet: Outlet
    on: bool
    done: Deferred[None]


class VirtualSwitches:
    """A daemon's queue for one relay board, with the order of the real one."""

    off_seconds = 1.0

    def __init__(self, rack: Rack, clock: LifeClock, observer: Observer) -> None:
        self._rack, self._clock, self._observer = rack, clock, observer
        self._waiting: deque[_Request] = deque()
        self._turns: list[Deferred[None]] = []
        self._busy = self._closed = False

    def turn(self) -> Deferred[None]:
        turn: Deferred[None] = Deferred()
        self._turns.append(turn)
        self._wake()
        return turn

    def switch(self, outlet: Outlet, on: bool) -> Deferred[None]:
        self._observer.switch_asked(outlet, on)
        request = _Request(outlet, on, Deferred())
        if self._closed:
            request.done.errback(Closed())
        else:
            (self._waiting.appendleft if on else self._waiting.append)(request)
            self._wake()
        return request.done

    def test(self) -> Deferred[None]:
        raise NotImplementedError("nobody tests relay boards in virtual time")

    def status(self) -> RelayBoardStatus:
        return RelayBoardStatus(
            name=self._rack.name,
            connected=self._rack.reachable,
            waiting=len(self._waiting) + len(self._turns),
            last_success=None,
            last_error=None,
            last_error_at=None,
        )

    def close(self) -> Deferred[None]:
        self._closed = True
        self._condemn(Closed())
        closed: Deferred[None] = Deferred()
        self._clock.callLater(self._rack.pause(), closed.callback, None)
        return closed

    # One request at a time.

    def _wake(self) -> None:
        if not self._busy:
            self._busy = True
            self._go_on()

    def _go_on(self) -> None:
        while self._turns and not self._waiting:
            turns, self._turns = self._turns, []
            for turn in turns:
                turn.callback(None)
        if not self._waiting:
            self._busy = False
        elif self._rack.reachable:
            self._clock.callLater(self._rack.pause(), self._serve)
        else:
            self._clock.callLater(UNREACHABLE_SECONDS, self._give_up)

    def _serve(self) -> None:
        request = self._waiting.popleft() if self._waiting else None
        if request is None or request.done.called:  # it was taken back
            self._go_on()
            return
        error = self._rack.switch(request.outlet, request.on)
        self._observer.switched(request.outlet, error)
        self._clock.callLater(self._rack.pause(), self._answer, request, error)

    def _answer(self, request: _Request, error: RelayError | None) -> None:
        if error is None:
            request.done.callback(None)
        else:
            request.done.errback(error)
        self._go_on()

    def _give_up(self) -> None:
        self._condemn(Unreachable("cannot be reached"))
        self._go_on()

    def _condemn(self, error: RelayError) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            if not request.done.called:
                request.done.errback(error)
