"""Many who wait are answered together, and the reactor gets turns meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.task import deferLater

from lifeguard.turns import TURN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime


async def answer_all(
    clock: IReactorTime, answers: Iterable[tuple[Deferred[Any], Any]]
) -> None:
    """Fire each with its own result or Failure: each may set a board to work."""
    end = clock.seconds() + TURN_SECONDS
    for waiting, result in answers:
        if clock.seconds() >= end:
            await deferLater(clock, 0)
            end = clock.seconds() + TURN_SECONDS
        waiting.callback(result)
