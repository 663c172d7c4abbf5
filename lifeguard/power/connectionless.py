"""What devices have in common that keep no connection, and often cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from lifeguard.power.errors import NotSwitched

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from twisted.internet.interfaces import IReactorTime

PAUSE_SECONDS = 0.5
"""Between two looks at an outlet that is not yet as it was wanted."""


class Connectionless:
    """The half of a `Device` that is about its connection, where there is none.

    What is under way ends when it is cancelled. Who can be read, says so.
    """

    connected = False

    async def read(self, rest: str, deadline: float) -> bool | None:
        return None

    def idle(self) -> None:
        """Nothing is kept open."""

    def close(self) -> Deferred[None]:
        return succeed(None)


async def read_back(
    read: Callable[[], Coroutine[Deferred[object], object, bool]],
    on: bool,
    deadline: float,
    clock: IReactorTime,
) -> None:
    """Read until an outlet is as it was wanted; NotSwitched when time is up."""
    while await read() != on:
        if clock.seconds() + PAUSE_SECONDS >= deadline:
            raise NotSwitched(f"switched {word(on)}, but not read back so")
        await deferLater(clock, PAUSE_SECONDS)


def word(on: bool) -> str:
    """As a person says it."""
    return "on" if on else "off"
