"""Clocks for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.base import DelayedCall
from twisted.internet.task import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class PromptClock(Clock):
    """What is to come in the reactor's next turn comes at once."""

    skips_turns = True

    def callLater(
        self, when: float, what: Callable[..., object], *args: Any, **named: Any
    ) -> DelayedCall:
        call = super().callLater(when, what, *args, **named)
        if when == 0 and self.skips_turns:
            self.advance(0)
        return call
