"""Why boards cannot be polled: each cause is logged once, not once a board."""

from __future__ import annotations

from collections import Counter

from twisted.logger import Logger

log = Logger()


class Hindrances:
    """The causes that stand now. Every board has at most one, its last."""

    def __init__(self) -> None:
        self._causes: dict[str, str] = {}
        self._boards: Counter[str] = Counter()

    @property
    def boards(self) -> dict[str, int]:
        """How many boards each cause keeps from being polled."""
        return dict(self._boards)

    def met(self, board: str, cause: str) -> None:
        """The board could not be polled."""
        if self._causes.get(board) == cause:
            return
        self._boards[cause] += 1
        if self._boards[cause] == 1:
            log.warn("cannot poll, which is no miss: {cause}", cause=cause)
        self.over(board)
        self._causes[board] = cause

    def over(self, board: str) -> None:
        """The board could be polled, or need not be any longer."""
        cause = self._causes.pop(board, None)
        if cause is None:
            return
        self._boards[cause] -= 1
        if not self._boards[cause]:
            del self._boards[cause]
            log.info("polls are possible again: {cause}", cause=cause)
