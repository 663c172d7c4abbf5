"""What a board has been told and has not been decided yet, in the order it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lifeguard.lifecycle.state import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from lifeguard.decide import Decision
    from lifeguard.draft import Moment
    from lifeguard.event import Answer, Event


class Item(NamedTuple):
    """An event, and how it is decided when its turn comes."""

    event: Event
    decide: Callable[[Moment], Decision]
    caller: Deferred[Answer] | None
    """Who waits for the answer; None: it is lifeguard's own, and must not be lost."""

    def accept(self, answer: Answer) -> None:
        if self.caller is not None:
            self.caller.callback(answer)

    def refuse(self, error: Exception) -> None:
        if self.caller is not None:
            self.caller.errback(error)


class Inbox:
    """First come, first served.

    Nearly always empty, and there are ten thousand: a list, as an empty deque has room
    for 64.
    """

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __bool__(self) -> bool:
        return bool(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        self._items.append(item)

    def put_back(self, item: Item) -> None:
        """It is the next one again."""
        self._items.insert(0, item)

    def take(self) -> Item:
        """The next one; IndexError when there is none."""
        return self._items.pop(0)

    def has(self, event: str) -> bool:
        return any(item.event.name == event for item in self._items)

    def keep_own(self, error: Exception) -> None:
        """Refuse all that callers wait for; they come again, what is told does not.

        A timeout goes too: its timer is armed anew.
        """
        waiting, self._items = self._items, []
        for item in waiting:
            if item.caller is not None:
                item.refuse(error)
            elif item.event.name != TIMEOUT:
                self._items.append(item)
