"""Who may begin a power cycle on a relay board, and who waits for others to end."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP_SECONDS = 30.0
"""How long all cycles in hand may take to switch, half of what a board's state allows
for its cycle: so a relay board that is slow costs nobody a strike."""


class Turn(NamedTuple):
    """A board that waits to be switched, and of which outlets."""

    outlets: list[str]
    came: Deferred[None]


class Turns:
    """The boards in line for a relay board; `together` may have their turn at once."""

    def __init__(self, together: int) -> None:
        self.together = together
        self._waiting: deque[Turn] = deque()
        self._in_hand = 0
        self._switch_seconds: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, outlets: list[str], urgent: bool) -> Deferred[None]:
        """Fires when the turn has come; to cancel it leaves the line."""
        came: Deferred[None] = Deferred(lambda _: self._waiting.remove(turn))
        turn = Turn(outlets, came)
        if urgent:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        return came

    def give_back(self) -> None:
        """One whose turn had come has ended."""
        self._in_hand -= 1

    def switched(self, seconds: float) -> None:
        """An outlet was switched, and took so long."""
        self._switch_seconds = seconds

    def give(self) -> bool:
        """Let all begin that may; False: nobody did."""
        before = len(self._waiting)
        while self._waiting and self._in_hand < self._able(self._waiting[0]):
            self._give(self._waiting[0])
        return len(self._waiting) < before

    def give_one(self, decides: Callable[[str], bool], or_any: bool) -> bool:
        """Let the first begin that has a deciding outlet, or else any if there is one.

        False: nobody has a deciding outlet, and it may not be any.
        """
        able = list(self._waiting) if self._in_hand < self.together else []
        deciding = [turn for turn in able if any(map(decides, turn.outlets))]
        if not deciding and not or_any:
            return False
        for turn in (deciding or able)[:1]:
            self._give(turn)
        return True

    def _give(self, turn: Turn) -> None:
        self._waiting.remove(turn)
        self._in_hand += 1
        turn.came.callback(None)

    def _able(self, turn: Turn) -> int:
        """How many cycles like this may be in hand: those done in GROUP_SECONDS.

        The first one that it switches for shows how long that takes.
        """
        if self._switch_seconds is None:
            return 1
        switches = 2 * max(1, len(turn.outlets))
        able = GROUP_SECONDS / max(switches * self._switch_seconds, 0.001)
        return max(1, min(self.together, int(able)))
