"""One lab, one daemon: how long the next waits for the one before to be gone."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 60
PAUSE = 0.05
"""Seconds between two tries: 3 s in all. What a daemon held is free some
milliseconds after its kill -9, when its process or its session has ended."""


def taken(take: Callable[[], bool]) -> bool:
    """Whether `take` succeeds in time; blocks the thread that asks."""
    for _ in range(TRIES):
        if take():
            return True
        sleep(PAUSE)
    return False
