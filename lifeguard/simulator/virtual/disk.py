"""Where the store is kept, and what the threads of a daemon meet there.

At times nobody reaches it: then it refuses, or it is silent. Of a call that is cut, or
whose answer is lost, nobody knows whether it was written.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from lifeguard.simulator.virtual.durable import Durable

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from lifeguard.simulator.virtual.heap import HeapCall, HeapClock, LifeClock

Answer = TypeVar("Answer")


class VirtualDisk:
    """Outlives every daemon. Times are seconds of `clock`."""

    def __init__(self, clock: HeapClock, random: Random, lost_answers: float) -> None:
        self.durable, self.away = Durable(), False
        self._clock, self._random, self._lost_answers = clock, random, lost_answers
        self._silent_until = 0.0

    def refuse(self) -> None:
        """Every call fails, until `come_back`."""
        self.away = True

    def fall_silent(self, seconds: float) -> None:
        """No call ends, unless it is cut, before `come_back` in so many seconds."""
        self.away = True
        self._silent_until = self._clock.seconds() + seconds

    def come_back(self) -> None:
        self.away = False

    @property
    def refuses(self) -> bool:
        return self.away and not self.is_silent

    @property
    def is_silent(self) -> bool:
        return self._clock.seconds() < self._silent_until

    def pause(self) -> float:
        """Seconds that a call takes which begins now."""
        silence = max(0.0, self._silent_until - self._clock.seconds())
        return silence + self._random.uniform(0.001, 0.03)

    def loses_answer(self) -> bool:
        """Whether the answer to a call that ends now is lost."""
        return self.is_silent or self._random.random() < self._lost_answers

    def writes_all_the_same(self) -> bool:
        """Whether a call whose answer is lost was written."""
        return self._random.random() < 0.5

    def can_be_cut(self) -> bool:
        """Whether the end of a call can be had sooner: a wait for a disk cannot."""
        return self._random.random() < 0.5


class Later(NamedTuple):
    """What a function of the writer's thread answers that works when its call ends.

    It begins when the thread takes it, as long as it is still wanted; given up in
    between, it may be written all the same.
    """

    work: Callable[[], Any]


class _Call(NamedTuple):
    function: Callable[[], Any]
    answer: Deferred[Any]


class VirtualThreads:
    """A daemon's threads: one that writes, a call after the other, and readers."""

    def __init__(self, disk: VirtualDisk, clock: LifeClock) -> None:
        self._disk, self._clock = disk, clock
        self._calls: deque[_Call] = deque()
        self._under_way: HeapCall | None = None

    def write(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        answer: Deferred[Answer] = Deferred()
        self._calls.append(_Call(function, answer))
        if self._under_way is None:
            self._begin()
        return answer

    def read(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        call = _Call(function, Deferred())
        self._clock.callLater(self._disk.pause(), self._end, call)
        return call.answer

    def cut(self) -> None:
        """End the writer's call now, if luck will have it."""
        if self._under_way is not None and self._disk.can_be_cut():
            self._under_way.reset(0)

    def close(self) -> Deferred[None]:
        return succeed(None)

    def _begin(self) -> None:
        call = self._calls.popleft()
        begun = _result(call.function)
        work = begun.work if isinstance(begun, Later) else lambda: begun
        call = call._replace(function=work)
        self._under_way = self._clock.callLater(self._disk.pause(), self._next, call)

    def _next(self, call: _Call) -> None:
        self._under_way = None
        self._end(call)
        if self._calls:
            self._begin()

    def _end(self, call: _Call) -> None:
        """The reactor hears of it in a step of its own."""
        result = _result(call.function)
        self._clock.callLater(0, call.answer.callback, result)


def _result(function: Callable[[], Answer]) -> Answer | Failure:
    try:
        return function()
    except Exception:
        return Failure()
