"""Taking up again, board after board, what a stopped lifeguard left under way.

Ten thousand boards that are polled and cycled in one instant would be a storm of
lifeguard's own making.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.board import ManagedBoard
    from lifeguard.deadlines import Deadlines
    from lifeguard.model import Board, Outlet, Owed

log = Logger()


class Resumption:
    """Takes up boards, `rate` of them a second, in the order they are given."""

    def __init__(self, rate: float, clock: IReactorTime, deadlines: Deadlines) -> None:
        self._clock, self._deadlines = clock, deadlines
        self._interval = 1 / rate
        self._left: deque[ManagedBoard] = deque()
        self._turn = 0.0
        """The clock seconds at which the last board's turn was."""
        self._paused = False
        self._over: Deferred[None] = Deferred()

    def begin(
        self, boards: Iterable[ManagedBoard], owed: Iterable[Owed]
    ) -> Deferred[None]:
        """Have all `boards` go on, of which that is `owed`; fires when it is over.

        The first that has left something under way takes it up now, others after it.
        """
        self.join(boards, owed)
        return self._over if self._left else succeed(None)

    def join(self, boards: Iterable[ManagedBoard], owed: Iterable[Owed]) -> None:
        """These, too, after those that are left."""
        is_waiting = bool(self._left)
        marks = {(each.board, each.outlet) for each in owed}
        self._left.extend(board for board in boards if _resume(board, marks))
        if is_waiting or not self._left:
            return
        self._turn = self._clock.seconds()
        if not self._paused:
            self._take_next()

    def pause(self) -> None:
        """Take up nothing until `go_on`."""
        self._paused = True
        self.stop()

    def go_on(self) -> None:
        """At the same rate as before."""
        self._paused = False
        if self._left:
            self._turn = self._clock.seconds()
            self._wait()

    def stop(self) -> None:
        """Leave the others as they are."""
        self._deadlines.remove(self._take_next)

    def _wait(self) -> None:
        self._turn += self._interval
        self._deadlines.put(self._take_next, self._turn - self._clock.seconds())

    def _take_next(self) -> None:
        _take_up(self._left.popleft())
        if self._left:
            self._wait()
        elif not self._over.called:
            self._over.callback(None)


def _resume(managed: ManagedBoard, marks: Set[tuple[str, Outlet]]) -> bool:
    """Whether it is to be taken up; one that is off elsewhere now, is not owed that."""
    if managed.is_kept_off and not _is_owed(managed.board, marks):
        managed.switch_off_anew()
        return False
    return managed.resume()


def _is_owed(board: Board, marks: Set[tuple[str, Outlet]]) -> bool:
    return all((board.name, outlet) in marks for outlet in board.power)


def _take_up(managed: ManagedBoard) -> None:
    """One that fails leaves no other behind."""
    try:
        managed.take_up()
    except Exception:
        log.failure("{board}: not taken up", board=managed.board.name)
