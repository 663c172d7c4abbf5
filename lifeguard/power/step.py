"""One step with a device: it comes to an end, with an answer or a RelayError.

A driver may be a lab's own. Whatever it raises, or never comes back from, is the
failure of its relay board and of nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from lifeguard.power.errors import NoAnswer, RelayError

Found = TypeVar("Found")

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from twisted.internet.interfaces import IReactorTime

    Step = Callable[[float], Coroutine[Deferred[Any], object, Found]]

log = Logger()

STEP_SECONDS = 30.0
"""How long a driver may take, with a connection opened for that."""

_GRACE_SECONDS = 1.0
"""How long it may need beyond that to say what has kept it."""


async def take(step: Step[Found], clock: IReactorTime, relay_board: str) -> Found:
    """What `step` comes to, which is given its deadline in seconds of the clock."""
    taken = Deferred.fromCoroutine(step(clock.seconds() + STEP_SECONDS))
    taken.addTimeout(STEP_SECONDS + _GRACE_SECONDS, clock, _overdue)
    try:
        return await taken
    except RelayError:
        raise
    except CancelledError as error:
        raise RelayError("its driver gave up, and did not say why") from error
    except Exception as error:
        log.failure("{relay_board}: its driver failed", relay_board=relay_board)
        raise RelayError(f"its driver failed: {error!r}") from error


def _overdue(_: object, seconds: float) -> NoReturn:
    raise NoAnswer(f"its driver did not come to an end within {seconds:g} s")
