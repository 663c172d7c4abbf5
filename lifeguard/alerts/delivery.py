"""What sending a message comes to, and when it is tried again: pure.

Whoever cannot be reached, or says that it is his own fault, is tried for some days.
Whoever says no is tried a few times only, as he will hardly think better of it; but
behind a proxy that has just been started he may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

if TYPE_CHECKING:
    from datetime import datetime

    from lifeguard.model import Message

SEND_SECONDS: Final = 20.0
"""A receiver that takes longer has not taken it. Who asks for a test waits longer."""

FIRST_SECONDS: Final = 10.0
LAST_SECONDS: Final = 600.0
"""The pause before the next try, doubled from the first to the last."""

REFUSALS: Final = 5
"""Some three minutes."""

TRIES: Final = 500
"""More than three days, a long weekend."""

LONGEST_WISH: Final = 86400.0
"""As long as a receiver may ask for patience."""


class NotDelivered(Exception):
    """Why a message was not taken, in one line that holds no secret.

    `refused`: the receiver said no. `retry_after` is what it asked for, in seconds.
    """

    def __init__(
        self, reason: str, *, refused: bool = False, retry_after: float = 0.0
    ) -> None:
        self.refused, self.retry_after = refused, retry_after
        super().__init__(reason)


def sent(message: Message, wall: datetime) -> Message:
    """It has been taken."""
    return replace(message, outcome="sent", ended=wall, error=None)


def not_sent(
    message: Message, failure: NotDelivered, now: float, wall: datetime
) -> Message:
    """It has not, at `now` in service seconds: it is due later, or given up."""
    message = replace(
        message,
        tries=message.tries + 1,
        refusals=message.refusals + failure.refused,
        error=str(failure),
    )
    if message.refusals >= REFUSALS or message.tries >= TRIES:
        return replace(message, outcome="failed", ended=wall)
    asked = min(failure.retry_after, LONGEST_WISH)
    return replace(message, due=now + max(pause(message.tries), asked))


def pause(tries: int) -> float:
    """Seconds after so many tries."""
    return min(FIRST_SECONDS * float(2 ** min(tries - 1, 10)), LAST_SECONDS)
