"""Who hears of every change of every board, once it is committed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from lifeguard.model import Change

log = Logger()

ChangeListener = Callable[[Change], None]


class ChangeListeners:
    """In the order in which they subscribed; one that fails harms no other."""

    def __init__(self) -> None:
        self._listeners: list[ChangeListener] = []

    def add(self, listener: ChangeListener) -> Callable[[], None]:
        """Tell this one, too; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, change: Change) -> None:
        """Of a change that has been committed."""
        for listener in tuple(self._listeners):
            try:
                listener(change)
            except Exception:
                log.failure("a listener failed on a change of {b}", b=change.row.board)
