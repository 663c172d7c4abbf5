"""Who subscribes hears of every change, whatever others do while they hear of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lifeguard.change_listeners import ChangeListeners
from lifeguard.model import Change

A_CHANGE: Any = object()


def test_one_that_leaves_while_it_is_told_keeps_no_other_from_hearing() -> None:
    listeners, heard = ChangeListeners(), list[str]()
    leave: list[Callable[[], None]] = []

    def once(change: Change) -> None:
        heard.append("once")
        leave.pop()()

    leave.append(listeners.add(once))
    listeners.add(lambda change: heard.append("always"))
    listeners.tell(A_CHANGE)
    listeners.tell(A_CHANGE)
    assert heard == ["once", "always", "always"]


def test_one_that_subscribes_while_another_is_told_hears_from_the_next_on() -> None:
    listeners, heard = ChangeListeners(), list[str]()
    late: list[Callable[[Change], None]] = [lambda change: heard.append("late")]

    def bring(change: Change) -> None:
        if late:
            listeners.add(late.pop())

    listeners.add(bring)
    listeners.tell(A_CHANGE)
    assert heard == []
    listeners.tell(A_CHANGE)
    assert heard == ["late"]
