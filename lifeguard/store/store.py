"""The store that the daemon uses: what it keeps, and how it is asked.

Writes go through one writer, and so in groups; reads go beside them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from lifeguard.store import alerts, blame, retention, statements
from lifeguard.store.calls import LIMIT_SECONDS, Calls
from lifeguard.store.database import Database
from lifeguard.store.errors import StoreError, StoreUnavailable
from lifeguard.store.group import Ask
from lifeguard.store.lookups import LookUps
from lifeguard.store.operators import save_operators
from lifeguard.store.transactions import Transactions
from lifeguard.store.writer import GroupWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import (
        Alert,
        Change,
        Evidence,
        HistoryRow,
        Incident,
        IncidentPlace,
        Judgement,
        Message,
        Notice,
        Operator,
        Owed,
        RelayBoardChange,
        Saved,
        SavedChannel,
        Standing,
    )
    from lifeguard.store.lookups import Found
    from lifeguard.store.threads import Threads
    from lifeguard.store.writer import Presence

log = Logger()

Answer = TypeVar("Answer")

OPEN_SECONDS = 60.0
"""As long as a start may take, which may have to migrate a long history."""


class SqlStore:
    """Boards, owed outlets, history and notices in a database.

    Every Deferred but that of `close` may fail with StoreUnavailable, within some
    seconds, or with StoreError; one that writes fires when the write is durable.
    `service_seconds` is asked once for each transaction, after `open`.

    `replaced` hears in one line when another lifeguard has taken over since `open`:
    then every write fails with Replaced, for ever.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: IReactorTime,
        service_seconds: Callable[[], float],
        threads: Threads,
        replaced: Callable[[str], None],
    ) -> None:
        self._database = Database(url)
        self._transactions = transactions = Transactions(self._database, clock)
        self._clock = clock
        self._threads = threads
        self._writes = Calls(threads.write, clock, self._database.cut)
        # Only the writer cuts: it soon meets whatever holds up somebody else.
        self._reads = Calls(threads.read, clock, _nothing)
        self._look_ups = LookUps(self._look, clock)
        self._writer = GroupWriter(
            transactions, threads, clock, service_seconds, replaced
        )
        self.commits = self._writer.commits
        """How long transactions took, and how much was in each."""
        self._open = self._closed = False

    def tell(self, presence: Presence) -> None:
        """Let `presence` know from now on when the store goes and comes back."""
        self._writer.tell(presence)

    def open(self) -> Deferred[Saved]:
        """Make or migrate the tables and load what they hold.

        StoreError if not; StoreUnavailable after OPEN_SECONDS.
        """
        opening = self._writes.call(self._transactions.load, OPEN_SECONDS)
        return opening.addCallback(self._opened)

    def commit(self, change: Change) -> Deferred[None]:
        """Save one step of a board, whole. Superseded when its row has moved on."""
        return self._ask(Ask(statements.commit, change))

    def settle(self, owed: Owed) -> Deferred[None]:
        """The outlet has been read back as on: its mark goes, unless it is newer."""
        return self._ask(Ask(statements.settle, owed))

    def record(self, row: HistoryRow) -> Deferred[None]:
        """Keep an event that moved nothing, counted into a recent one like it."""
        return self._ask(Ask(statements.record, row))

    def relay_board_changed(self, change: RelayBoardChange) -> Deferred[None]:
        """Keep what became of a relay board."""
        return self._ask(Ask(statements.relay_boards_changed, change))

    def told(
        self, notices: Sequence[Notice], waiting: Sequence[Alert]
    ) -> Deferred[None]:
        """Forget notices that somebody has heard; what comes of them waits from now."""
        heard = alerts.Told(notices, waiting)
        return self._ask(Ask(alerts.told, heard, touches_few=False))

    def begin_message(self, message: Message, through: int) -> Deferred[None]:
        """Keep a message instead of its channel's alerts up to this id."""
        begun = alerts.Begun(message, through)
        return self._ask(Ask(alerts.begin_messages, begun, touches_few=False))

    def save_message(self, message: Message) -> Deferred[None]:
        """Keep what became of a message; may be repeated."""
        return self._ask(Ask(alerts.save_messages, message))

    def turn_few_ready(self, is_few: bool, notice: Notice) -> Deferred[None]:
        """Keep whether too few boards are Ready, and the news of it; may be repeated.

        There is no news where that is kept already.
        """
        return self._ask(Ask(alerts.turn_few_ready, alerts.Readiness(is_few, notice)))

    def save_incident(self, judgement: Judgement) -> Deferred[None]:
        """Keep an incident as it is by now; may be repeated."""
        return self._ask(Ask(blame.save_incidents, judgement, touches_few=False))

    def forget_evidence(self, before: float) -> Deferred[None]:
        """What was said before these service seconds is of no use any more."""
        return self._ask(Ask(blame.forget_evidence, before, touches_few=False))

    def save_operator(self, operator: Operator) -> Deferred[None]:
        """Keep an operator as they are by now; may be repeated."""
        return self._ask(Ask(save_operators, operator))

    def save_time(self) -> Deferred[None]:
        """Save the service seconds, as every other write does by the way."""
        return self._ask(Ask(_no_more, None))

    def standing(self, board: str) -> Deferred[Standing | None]:
        """Where a board stands, for one who lost the answer to a commit.

        To be asked when the store is back, and not before.
        """
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        return self._look_ups.standing(board)

    def notices(self) -> Deferred[list[Notice]]:
        """What has not been told, oldest first."""
        return self._read(statements.untold)

    def channel(self, name: str, most: int) -> Deferred[SavedChannel]:
        """What there is of a channel; of its waiting alerts, the first `most`."""
        return self._read(partial(alerts.channel, name=name, most=most))

    def history(
        self, board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[HistoryRow]]:
        """A board's newest rows first; those older than the row of id `before`."""
        return self._read(
            partial(statements.history_of, board=board, limit=limit, before=before)
        )

    def evidence(
        self, after: int, since: float, until: float, at_most: int
    ) -> Deferred[list[tuple[int, Evidence]]]:
        """What boards failed by from `since` to `until`, in service seconds.

        In the order in which it was saved, with its ids, those above `after`.
        """
        return self._read(
            partial(
                blame.evidence_between,
                after=after,
                since=since,
                until=until,
                at_most=at_most,
            )
        )

    def incidents(
        self, limit: int = 100, after: IncidentPlace | None = None
    ) -> Deferred[list[Incident]]:
        """The open ones first, of each the newest; those that come after a place."""
        return self._read(partial(blame.page_of_incidents, limit=limit, after=after))

    def relay_board_history(
        self, relay_board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[RelayBoardChange]]:
        """A relay board's newest rows first; those older than the row `before`."""
        step = partial(
            statements.history_of_relay_board,
            relay_board=relay_board,
            limit=limit,
            before=before,
        )
        return self._read(step)

    def forget_history(
        self, older_than: datetime, after: int, at_most: int
    ) -> Deferred[int | None]:
        """Delete those of the next `at_most` rows that are older than this.

        Answers the id to go on from, None when all further rows are younger; a pass
        begins with 0. Waits for its turn between two groups of writes.
        """
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        step = partial(
            retention.forget, older_than=older_than, after=after, at_most=at_most
        )
        return self._writer.between(partial(self._transactions.run, step))

    def close(self) -> Deferred[None]:
        """Write what waits, then let go of the database and the threads.

        What hangs is cut until it ends; only a disk that hangs cannot be.
        """
        last = self.save_time() if self._open else succeed(None)
        self._open, self._closed = False, True
        self._writer.close()
        # Whoever asked for a write has been told; what was lost ends nothing here.
        last.addErrback(lambda failure: failure.trap(StoreError) and None)
        return last.addCallback(lambda _: self._end())

    def _end(self) -> Deferred[None]:
        cutting = LoopingCall(self._database.cut)
        cutting.clock = self._clock
        cutting.start(LIMIT_SECONDS)
        ending = self._threads.write(self._database.close)
        ending.addErrback(lambda failure: log.failure("the store broke", failure))
        ending.addCallback(lambda _: self._threads.close())
        return ending.addBoth(_stopped, cutting)

    def _opened(self, saved: Saved) -> Saved:
        if self._closed:
            raise StoreUnavailable("the store was closed before it was open")
        self._open = True
        return saved

    def _look(self, boards: Sequence[str]) -> Deferred[Found]:
        return self._read(partial(statements.standings, of=boards))

    def _read(self, work: Callable[[Connection], Answer]) -> Deferred[Answer]:
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        return self._reads.call(partial(self._database.read, work))

    def _ask(self, ask: Ask[Any]) -> Deferred[None]:
        if not self._open:
            return fail(StoreUnavailable("the store is not open"))
        return self._writer.ask(ask)


def _no_more(_: Connection, __: Sequence[None]) -> None:
    """Every transaction saves the service seconds."""


def _stopped(result: Answer, cutting: LoopingCall) -> Answer:
    cutting.stop()
    return result


def _nothing() -> None:
    """What hangs is left to others."""
