"""The store as one daemon has it: writes wait, go together, take time, are answered.

As the store on SQL: one transaction at a time, what is asked meanwhile goes into the
next. Each answer is a step of its own, so that the daemon may die between two.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred

from lifeguard.store import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from lifeguard.model import Change, HistoryRow, Notice, Owed, Standing
    from lifeguard.simulator.virtual.durable import Durable, Written
    from lifeguard.simulator.virtual.heap import LifeClock

Answer = TypeVar("Answer")

GROUP = 500
"""Writes in one transaction at most."""


class Disk(Protocol):
    """Where the store is kept."""

    durable: Durable
    away: bool

    def pause(self) -> float:
        """Seconds that a transaction takes."""

    def loses_answer(self) -> bool:
        """Whether the answer to a transaction is lost."""


class Observer(Protocol):
    """Who sees what is asked of the store, and what it does."""

    def commit_asked(self, board: str) -> None: ...
    def commit_answered(self, board: str) -> None: ...
    def committed(self, written: Written) -> None: ...
    def commit_refused(self, board: str, error: StoreError) -> None: ...
    def settled(self, owed: Owed) -> None: ...
    def recorded(self, row: HistoryRow) -> None: ...
    def answer_lost(self) -> None: ...
    def transaction_begins(self) -> float: ...
    def transaction_written(self, begun: float, boards: list[str]) -> None: ...
    def answered(self, board: str) -> None: ...


class _Write(NamedTuple):
    board: str
    apply: Callable[[], None]
    done: Deferred[None]


class VirtualStore:
    """What a daemon asks of its store, until the daemon dies."""

    def __init__(
        self,
        disk: Disk,
        clock: LifeClock,
        service_seconds: Callable[[], float],
        random: Random,
        observer: Observer,
    ) -> None:
        self._disk, self._clock, self._random = disk, clock, random
        self._service_seconds, self._observer = service_seconds, observer
        self._waiting: list[_Write] = []
        self._writing = False

    # What the daemon asks.

    def commit(self, change: Change) -> Deferred[None]:
        board = change.after.board
        self._observer.commit_asked(board)
        done = self._ask(board, lambda: self._commit(change))
        return done.addBoth(self._commit_answered, board)

    def settle(self, owed: Owed) -> Deferred[None]:
        return self._ask(owed.board, lambda: self._settle(owed))

    def record(self, row: HistoryRow) -> Deferred[None]:
        return self._ask(row.board, lambda: self._record(row))

    def told(self, notice: Notice) -> Deferred[None]:
        return self._ask(notice.board, lambda: self._disk.durable.told(notice))

    def save_time(self) -> Deferred[None]:
        return self._ask("", _nothing)

    def standing(self, board: str) -> Deferred[Standing | None]:
        return self._read(lambda: self._disk.durable.standings.get(board))

    def notices(self) -> Deferred[list[Notice]]:
        return self._read(lambda: list(self._disk.durable.notices.values()))

    # One transaction at a time.

    def _ask(self, board: str, apply: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._waiting.append(_Write(board, apply, done))
        self._write_next()
        return done

    def _write_next(self) -> None:
        if self._writing or not self._waiting:
            return
        self._writing = True
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        seconds, begun = self._service_seconds(), self._observer.transaction_begins()
        self._clock.callLater(self._disk.pause(), self._write, group, seconds, begun)

    def _write(self, group: list[_Write], seconds: float, begun: float) -> None:
        met = self._apply(group, seconds, begun)
        self._clock.callLater(0, self._answer, deque(zip(group, met, strict=True)))

    def _apply(
        self, group: list[_Write], seconds: float, begun: float
    ) -> list[StoreError | None]:
        if self._disk.away:
            return [StoreUnavailable("away")] * len(group)
        if lost := self._disk.loses_answer():
            self._observer.answer_lost()
        if lost and self._random.random() < 0.5:
            return [StoreUnavailable("the answer was lost")] * len(group)
        self._disk.durable.save_time(seconds)
        met = [_apply(write) for write in group]
        self._observer.transaction_written(begun, [write.board for write in group])
        return [StoreUnavailable("the answer was lost")] * len(group) if lost else met

    def _answer(self, left: deque[tuple[_Write, StoreError | None]]) -> None:
        write, error = left.popleft()
        if error is None:
            write.done.callback(None)
        else:
            write.done.errback(error)
        self._observer.answered(write.board)
        if left:
            self._clock.callLater(0, self._answer, left)
        else:
            self._writing = False
            self._write_next()

    # What a write is.

    def _commit_answered(self, result: Answer, board: str) -> Answer:
        self._observer.commit_answered(board)
        return result

    def _commit(self, change: Change) -> None:
        try:
            written = self._disk.durable.commit(change)
        except StoreError as error:
            self._observer.commit_refused(change.after.board, error)
            raise
        self._observer.committed(written)

    def _settle(self, owed: Owed) -> None:
        self._disk.durable.settle(owed)
        self._observer.settled(owed)

    def _record(self, row: HistoryRow) -> None:
        self._disk.durable.record(row)
        self._observer.recorded(row)

    def _read(self, look: Callable[[], Answer]) -> Deferred[Answer]:
        answer: Deferred[Answer] = Deferred()

        def read() -> None:
            if self._disk.away:
                answer.errback(StoreUnavailable("away"))
            else:
                answer.callback(look())

        self._clock.callLater(self._disk.pause(), read)
        return answer


def _apply(write: _Write) -> StoreError | None:
    try:
        write.apply()
    except StoreError as error:
        return error
    return None


def _nothing() -> None:
    """Every transaction saves the service seconds."""
