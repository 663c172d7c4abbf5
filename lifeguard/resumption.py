"""Taking up again, board after board, what a stopped lifeguard left under way.

Ten thousand boards that are polled and cycled in one instant would be a storm of
lifeguard's own making.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.board import ManagedBoard

log = Logger()


class Resumption:
    """Takes up boards, `rate` of them a second, in the order they are given."""

    def __init__(self, rate: float, clock: IReactorTime) -> None:
        self._left: deque[ManagedBoard] = deque()
        self._taking_up = LoopingCall.withCount(self._take_up)
        self._taking_up.clock = clock
        self._interval = 1 / rate
        self._paused = False

    def begin(self, boards: Iterable[ManagedBoard]) -> Deferred[None]:
        """The first of `boards` now, the others after it; fires when it is over."""
        self._left.extend(boards)
        if not self._left:
            return succeed(None)
        taking_up = self._taking_up.start(self._interval)
        return taking_up.addCallback(lambda _: None).addErrback(_log)

    def pause(self) -> None:
        """Take up nothing until `go_on`."""
        self._paused = True

    def go_on(self) -> None:
        """At the same rate as before."""
        self._paused = False

    def stop(self) -> None:
        """Leave the others as they are."""
        if self._taking_up.running:
            self._taking_up.stop()

    def _take_up(self, count: int) -> None:
        if self._paused:
            return
        for _ in range(min(count, len(self._left))):
            _take_up(self._left.popleft())
        if not self._left:
            self._taking_up.stop()


def _take_up(managed: ManagedBoard) -> None:
    """One that fails leaves no other behind."""
    try:
        managed.take_up()
    except Exception:
        log.failure("{board}: not taken up", board=managed.board.name)


def _log(failure: Failure) -> None:
    log.failure("boards were left behind", failure)
