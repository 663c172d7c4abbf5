"""Calls to a store's thread, none of which is waited for for ever.

A thread cannot be stopped, only what it waits for can be cut; and a cut may come in a
moment when there is nothing to cut. So it is repeated until the thread has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lifeguard.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

Answer = TypeVar("Answer")

LIMIT_SECONDS = 5.0
"""A transaction without an answer by then is given up: boards wait for theirs."""


class Give(Protocol):
    """Has a function run by a thread; those of one writer run in the order given."""

    def __call__(self, function: Callable[[], Answer], /) -> Deferred[Answer]: ...


class Calls:
    """Gives functions to a thread, and gives up those that take too long."""

    def __init__(
        self, give: Give, clock: IReactorTime, cut: Callable[[], object]
    ) -> None:
        self._give, self._clock, self._cut = give, clock, cut

    def call(
        self, function: Callable[[], Answer], limit: float = LIMIT_SECONDS
    ) -> Deferred[Answer]:
        """What the thread answers; StoreUnavailable after `limit` seconds.

        What was given up, or cancelled, never begins. If it has begun, it is cut when
        its time is over, and every LIMIT_SECONDS from then until it ends.
        """
        call = _Call(function)
        ended = self._give(call.run)
        call.timer = self._clock.callLater(limit, self._give_up, call, limit)
        ended.addBoth(call.end)
        return call.answer

    def _give_up(self, call: _Call[Any], limit: float) -> None:
        call.timer = self._clock.callLater(LIMIT_SECONDS, self._give_up, call, limit)
        self._cut()
        text = f"the database has not answered within {limit:g} s"
        call.settle(Failure(StoreUnavailable(text)))


class _Call(Generic[Answer]):
    """A function, and whoever waits for its answer; fires no more than once."""

    def __init__(self, function: Callable[[], Answer]) -> None:
        self._function = function
        self._is_wanted = True
        self.timer: IDelayedCall | None = None
        self.answer: Deferred[Answer] = Deferred(self._cancelled)

    def run(self) -> Answer:
        """In the thread."""
        if not self._is_wanted:
            raise StoreUnavailable("given up before it began")
        return self._function()

    def end(self, result: Answer | Failure) -> None:
        """The thread has ended, well or not."""
        if self.timer is not None:
            self.timer.cancel()
        self.settle(result)

    def settle(self, result: Answer | Failure) -> None:
        """Answer, if anybody still waits."""
        if self._is_wanted:
            self._is_wanted = False
            self.answer.callback(result)

    def _cancelled(self, _: object) -> None:
        self._is_wanted = False
