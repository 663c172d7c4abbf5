"""Lines that a thousand boards cannot turn into a flood.

A line that says what was said just now is left out, and so are those beyond a number
each second; the next one that is written tells how many were.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from twisted.logger import Logger

REPEAT = 60.0
"""Seconds for which nothing is said twice."""

MOST = 20
"""Lines a second."""

_REMEMBERED = 1024


class SparseLog:
    """Writes to `log`. `seconds` is a monotonic clock."""

    def __init__(self, log: Logger, seconds: Callable[[], float]) -> None:
        self._log = log
        self._seconds = seconds
        self._said: OrderedDict[Hashable, float] = OrderedDict()
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def info(self, line: str, *, about: Hashable = None, **fields: object) -> None:
        """Write `line`, unless one `about` the same thing was written just now."""
        if self._repeats(about) or self._is_too_much():
            self._left_out += 1
            return
        if self._left_out:
            line += " ({left_out} lines left out)"
        self._log.info(line, left_out=self._left_out, **fields)
        self._left_out = 0

    def _repeats(self, about: Hashable) -> bool:
        if about is None:
            return False
        now = self._seconds()
        if now < self._said.get(about, now):
            return True
        self._said[about] = now + REPEAT
        self._said.move_to_end(about)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        return False

    def _is_too_much(self) -> bool:
        second = int(self._seconds())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines > MOST
