"""When Python looks for garbage: not while a lab is loaded, and then among little.

Each time that it goes through ten thousand boards, all of them wait. Nearly all that
lifeguard drops is gone at once, without being looked for.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

THRESHOLDS = 10_000, 10, 50
"""At Python's own, ten thousand boards that moved in one instant were gone through
four times within two seconds, up to 0.2 s each; at these they are not at all. At five
times as many, what HTTP requests leave behind took 60 ms at once to be found."""

WORTH_A_LOOK = 100
"""Entries of the inventory. Of a board that is removed only a look finds 1.5 KB, of a
lifecycle that is replaced 24 KB."""


def pause() -> None:
    """Look for none until `settle`: much is made, and little dropped."""
    gc.disable()


@contextmanager
def paused() -> Iterator[None]:
    """Look for none until the end of it; then also among what was made meanwhile."""
    pause()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """Look from now on, but never among what has been made by now."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()


class Leftovers:
    """What was settled and has been replaced since: it is found when that pays.

    A look goes through the whole lab: some 90 ms for ten thousand boards, of which a
    reload that changes one of them leaves nothing to be found.
    """

    def __init__(self) -> None:
        self._things = 0

    def add(self, things: int) -> None:
        """So many boards and other entries of the inventory are others by now."""
        self._things += things
        if self._things >= WORTH_A_LOOK:
            self._things = 0
            _settle_anew()


def _settle_anew() -> None:
    gc.unfreeze()
    gc.collect()
    settle()
