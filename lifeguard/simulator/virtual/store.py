"""The store as one daemon has it: the production writer, over a disk that fails.

What it is asked goes in groups and is answered in order. Between any two answers, and
after each write, the daemon may die.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lifeguard.simulator.virtual.disk import Later, VirtualThreads
from lifeguard.store import StoreError, StoreUnavailable
from lifeguard.store.calls import Calls
from lifeguard.store.group import Ask
from lifeguard.store.writer import GroupWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from lifeguard.model import (
        Alert,
        Change,
        Evidence,
        HistoryRow,
        Incident,
        Judgement,
        Notice,
        Owed,
        RelayBoardChange,
        Standing,
    )
    from lifeguard.simulator.virtual.disk import VirtualDisk
    from lifeguard.simulator.virtual.durable import Written
    from lifeguard.simulator.virtual.heap import LifeClock
    from lifeguard.store import Presence

Answer = TypeVar("Answer")


class Observer(Protocol):
    """Who sees what is asked of the store, and what it does."""

    def commit_asked(self, change: Change) -> None: ...
    def commit_answered(self, board: str) -> None: ...
    def committed(self, written: Written) -> None: ...
    def commit_refused(self, board: str, error: StoreError) -> None: ...
    def judged(self, before: Incident | None, judgement: Judgement) -> None: ...
    def judgement_heard(self, incident: Incident) -> None: ...
    def settled(self, owed: Owed) -> None: ...
    def recorded(self, row: HistoryRow) -> None: ...
    def answer_lost(self) -> None: ...
    def transaction_begins(self) -> float: ...
    def transaction_written(self, begun: float, boards: list[str]) -> None: ...
    def answered(self, board: str) -> None: ...
    def unavailable(self, board: str) -> None: ...


class VirtualStore:
    """What a daemon asks of its store, until the daemon dies."""

    def __init__(
        self,
        disk: VirtualDisk,
        clock: LifeClock,
        service_seconds: Callable[[], float],
        observer: Observer,
    ) -> None:
        self._disk, self._clock, self._observer = disk, clock, observer
        self._threads = VirtualThreads(disk, clock)
        self._reads = Calls(self._threads.read, clock, _nothing)
        transactions = _Transactions(disk, self._threads, service_seconds, observer)
        self._writer = GroupWriter(
            transactions, self._threads, clock, transactions.begin, _replaced
        )

    def tell(self, presence: Presence) -> None:
        self._writer.tell(presence)

    def commit(self, change: Change) -> Deferred[None]:
        board = change.after.board
        self._observer.commit_asked(change)
        done = self._ask(board, lambda: self._commit(change))
        return done.addBoth(self._commit_answered, board)

    def settle(self, owed: Owed) -> Deferred[None]:
        return self._ask(owed.board, lambda: self._settle(owed))

    def record(self, row: HistoryRow) -> Deferred[None]:
        return self._ask(row.board, lambda: self._record(row))

    def relay_board_changed(self, change: RelayBoardChange) -> Deferred[None]:
        return self._ask("", lambda: self._disk.durable.relay_board_changed(change))

    def save_incident(self, judgement: Judgement) -> Deferred[None]:
        saving = self._ask("", lambda: self._judge(judgement))
        return saving.addCallback(self._judgement_heard, judgement.incident)

    def forget_evidence(self, before: float) -> Deferred[None]:
        return self._ask("", lambda: self._disk.durable.forget_evidence(before))

    def told(
        self, notices: Sequence[Notice], waiting: Sequence[Alert]
    ) -> Deferred[None]:
        return self._ask("", lambda: self._disk.durable.told(notices))

    def save_time(self) -> Deferred[None]:
        return self._ask("", _nothing)

    def standing(self, board: str) -> Deferred[Standing | None]:
        return self._read(lambda: self._disk.durable.standings.get(board))

    def notices(self) -> Deferred[list[Notice]]:
        return self._read(lambda: list(self._disk.durable.notices.values()))

    def evidence(
        self, after: int, since: float, until: float, at_most: int
    ) -> Deferred[list[tuple[int, Evidence]]]:
        return self._read(
            lambda: self._disk.durable.evidence(after, since, until, at_most)
        )

    def close(self) -> Deferred[None]:
        """Write what waits; fires when the daemon may end, whatever came of it."""
        last = self.save_time()
        self._writer.close()
        last.addErrback(lambda failure: failure.trap(StoreError) and None)
        return last.addCallback(lambda _: self._threads.close())

    # How it is asked and answered.

    def _ask(self, board: str, apply: Callable[[], None]) -> Deferred[None]:
        answer: Deferred[None] = Deferred()
        asked = self._writer.ask(Ask(_apply, _Write(board, apply)))
        asked.addBoth(self._pass_on, board, answer)
        return answer

    def _pass_on(
        self, result: Failure | None, board: str, answer: Deferred[None]
    ) -> None:
        """Of a group's answers a dead daemon hears no more."""
        if not self._clock.alive:
            return
        if isinstance(result, Failure) and result.check(StoreUnavailable):
            self._observer.unavailable(board)
        answer.callback(result)
        self._observer.answered(board)

    def _read(self, look: Callable[[], Answer]) -> Deferred[Answer]:
        def read() -> Answer:
            if self._disk.away:
                raise StoreUnavailable("away")
            return look()

        return self._reads.call(read)

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

    def _judge(self, judgement: Judgement) -> None:
        before = self._disk.durable.judge(judgement)
        self._observer.judged(before, judgement)

    def _judgement_heard(self, _: None, incident: Incident) -> None:
        self._observer.judgement_heard(incident)

    def _settle(self, owed: Owed) -> None:
        self._disk.durable.settle(owed)
        self._observer.settled(owed)

    def _record(self, row: HistoryRow) -> None:
        self._disk.durable.record(row)
        self._observer.recorded(row)


class _Write(NamedTuple):
    board: str
    apply: Callable[[], None]


class _Transactions:
    """What the writer's thread does with the disk."""

    def __init__(
        self,
        disk: VirtualDisk,
        threads: VirtualThreads,
        service_seconds: Callable[[], float],
        observer: Observer,
    ) -> None:
        self.cut = threads.cut
        self._disk, self._observer = disk, observer
        self._service_seconds = service_seconds
        self._begun = 0.0

    def begin(self) -> float:
        """The daemon's service seconds, which the writer asks for at each begin."""
        self._begun = self._observer.transaction_begins()
        return self._service_seconds()

    def write_now(self, asks: Sequence[Ask[_Write]], now: float) -> None:
        """Never: between any two steps the daemon may die."""

    def write(self, asks: Sequence[Ask[_Write]], now: float) -> list[StoreError | None]:
        later = Later(partial(self._run, partial(self._write, asks, now)))
        return cast("list[StoreError | None]", later)

    def try_out(self) -> None:
        return cast("None", Later(partial(self._run, _nothing)))

    def _run(self, work: Callable[[], Answer]) -> Answer:
        if self._disk.refuses:
            raise StoreUnavailable("away")
        if not self._disk.loses_answer():
            return work()
        self._observer.answer_lost()
        if self._disk.writes_all_the_same():
            work()
        raise StoreUnavailable("the answer was lost")

    def _write(
        self, asks: Sequence[Ask[_Write]], now: float
    ) -> list[StoreError | None]:
        self._disk.durable.save_time(now)
        met = [_met(ask) for ask in asks]
        boards = [ask.item.board for ask in asks]
        self._observer.transaction_written(self._begun, boards)
        return met


def _met(ask: Ask[_Write]) -> StoreError | None:
    try:
        ask.write(_NO_CONNECTION, [ask.item])
    except StoreError as error:
        return error
    return None


def _apply(_: object, writes: Sequence[_Write]) -> None:
    for write in writes:
        write.apply()


def _replaced(reason: str) -> None:
    raise AssertionError(f"one daemon after the other: {reason}")


def _nothing() -> None:
    """Every transaction saves the service seconds."""


_NO_CONNECTION = cast("Connection", None)
"""What is written here goes by none."""
