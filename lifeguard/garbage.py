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


def settle_anew() -> None:
    """As `settle`, where much that was settled has been replaced: this is found first.

    It goes through the whole lab, once: some 90 ms for ten thousand boards.
    """
    gc.unfreeze()
    gc.collect()
    settle()
