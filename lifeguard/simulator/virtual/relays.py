"""Relay boards of a virtual lab, and a daemon's way to each.

Where a relay is outlives every daemon. A request is two steps, the switching and the
read-back, so that the daemon may die in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.task import deferLater

from lifeguard.model import Outlet, RelayBoard
from lifeguard.power import RelayBoardQueue
from lifeguard.power.errors import (
    NoAnswer,
    NotSwitched,
    RelayError,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from twisted.internet.defer import Deferred

    from lifeguard.simulator.virtual.heap import LifeClock
    from lifeguard.simulator.virtual.plan import Troubles

UNREACHABLE_SECONDS = 5.0

PATIENCE_SECONDS = 86400.0
"""How long boards wait for a relay board that is ill."""


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


class VirtualDevice:
    """A daemon's way to one relay board."""

    def __init__(self, rack: Rack, clock: LifeClock, observer: Observer) -> None:
        self._rack, self._clock, self._observer = rack, clock, observer

    @property
    def connected(self) -> bool:
        return self._rack.reachable

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        outlet = Outlet(self._rack.name, rest)
        await self._reach()
        error = self._rack.switch(outlet, on)
        self._observer.switched(outlet, error)
        await deferLater(self._clock, self._rack.pause())
        if error is not None:
            raise error

    async def read(self, rest: str, deadline: float) -> bool:
        await self._reach()
        return Outlet(self._rack.name, rest) not in self._rack.off

    async def test(self, deadline: float) -> None:
        await self._reach()

    def idle(self) -> None:
        """Nothing is kept open."""

    def close(self) -> Deferred[None]:
        return deferLater(self._clock, self._rack.pause())

    async def _reach(self) -> None:
        if self._rack.reachable:
            await deferLater(self._clock, self._rack.pause())
        else:
            await deferLater(self._clock, UNREACHABLE_SECONDS)
            raise Unreachable("cannot be reached")


class VirtualSwitches(RelayBoardQueue):
    """A daemon's queue for one relay board: the real one."""

    def __init__(self, rack: Rack, clock: LifeClock, observer: Observer) -> None:
        relay_board = RelayBoard(
            name=rack.name, driver="virtual", address="", patience=PATIENCE_SECONDS
        )
        super().__init__(clock, relay_board, VirtualDevice(rack, clock, observer))
        self._observer = observer

    def switch(self, outlet: Outlet, on: bool, urgent: bool = False) -> Deferred[None]:
        self._observer.switch_asked(outlet, on)
        return super().switch(outlet, on, urgent)
