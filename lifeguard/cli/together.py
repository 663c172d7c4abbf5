"""Many questions at once, but not more than a daemon should be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import (
    Deferred,
    DeferredSemaphore,
    FirstError,
    gatherResults,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

Result = TypeVar("Result")

AT_ONCE = 20


async def together(
    jobs: Iterable[Callable[[], Coroutine[Any, Any, Result]]],
) -> list[Result]:
    """What each came to, in order; raises what the first to fail raised."""
    turns = DeferredSemaphore(AT_ONCE)

    def start(job: Callable[[], Coroutine[Any, Any, Result]]) -> Deferred[Result]:
        return Deferred.fromCoroutine(job())

    running = [turns.run(start, job) for job in jobs]
    try:
        return await gatherResults(running, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
