"""Many things that are each to be looked at some time, to a fiftieth of a second.

One coarse timer turns the wheel for all of them. Times are seconds of one monotonic
clock; whose clock it is, and what is done with the things, does not belong here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

TICK = 0.02
"""Seconds between two turns."""

Thing = TypeVar("Thing", bound="Hashable")


class Wheel(Generic[Thing]):
    """Holds each thing once, in the turn that comes at its time or just after it."""

    def __init__(self) -> None:
        self._turns: defaultdict[int, set[Thing]] = defaultdict(set)
        self._turn_of: dict[Thing, int] = {}

    def __len__(self) -> int:
        return len(self._turn_of)

    def put(self, thing: Thing, when: float) -> None:
        """Look at `thing` then, and not when it was to be looked at before."""
        self.remove(thing)
        turn = math.ceil(when / TICK)
        self._turns[turn].add(thing)
        self._turn_of[thing] = turn

    def remove(self, thing: Thing) -> None:
        """Do not look at `thing`; one that is not there is no error."""
        turn = self._turn_of.pop(thing, None)
        if turn is not None:
            self._turns[turn].remove(thing)

    def turn(self, now: float) -> list[Thing]:
        """Take out all whose time has come, the earliest first."""
        due: list[Thing] = []
        for turn in sorted(turn for turn in self._turns if turn * TICK <= now):
            due += self._turns.pop(turn)
        for thing in due:
            del self._turn_of[thing]
        return due
