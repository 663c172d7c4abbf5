"""The way of an event through one board: taken in turn, decided, saved, answered.

Events are taken one at a time. Each becomes one change; only when the store has
committed it is the caller answered and anything begun. What the store may or may not
have taken is looked up before anything else happens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from lifeguard.decide import Decision, Renewed, Repeated
from lifeguard.draft import Moment, Step, first_standing, history_row
from lifeguard.event import Answer, Event, Refused, Stale, UnknownEvent
from lifeguard.inbox import Inbox, Item
from lifeguard.store import StoreError, StoreUnavailable, Superseded

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from lifeguard.model import HistoryRow, Outcome, Standing
    from lifeguard.world import World

log = Logger()

RETRY_SECONDS = 1.0
"""How long a board waits before it asks a store again that is there, but refused."""

CANNOT_SAVE = "lifeguard cannot save what it is told just now"

SET_STATE = "set-state"
UNKNOWN_EVENT = "unknown-event"


class Keeper(ABC):
    """Keeps the standing of the board `name` and its row in the store the same."""

    _rested: Deferred[None] | None = None
    """Somebody waits for the event that is being taken to be the last."""

    def __init__(self, name: str, standing: Standing, world: World) -> None:
        self.standing = standing
        self._name, self._world = name, world
        self._inbox = Inbox()
        self._busy = False
        self._stopped = False
        self._away = False
        """Whether nothing can be saved, so that nothing is begun."""
        self._doubtful: Step | None = None
        """A change that the store may or may not have taken."""
        self._held: Item | None = None
        """What was being taken when the board went astray."""
        self._astray = False
        """Whether it must be looked up where the board stands, before all else."""

    # What becomes of the board, by what becomes of its standing.

    @abstractmethod
    def _arm(self, at_least: float = 0.0) -> None:
        """Let the timeout come at its deadline, but in `at_least` seconds."""

    @abstractmethod
    def _disarm(self) -> None:
        """Let no timeout come."""

    @abstractmethod
    def _leave(self) -> None:
        """End all that is under way."""

    @abstractmethod
    def _moved(self, step: Step, before: Standing) -> None:
        """The step is saved: begin what it wants."""

    @abstractmethod
    def _renewed(self) -> None:
        """The standing has a new deadline, and nothing else."""

    @abstractmethod
    def _replaced(self) -> None:
        """Somebody else has changed the row: go on from there."""

    @property
    def waiting(self) -> int:
        """How many events wait for their turn."""
        return len(self._inbox)

    # What the fleet says to every board.

    def store_is_away(self) -> None:
        """Nothing can be saved: hold what is lifeguard's own, refuse all else."""
        self._away = True
        self._disarm()
        self._refuse_callers()

    def store_is_back(self) -> None:
        """Go on, first of all to where the board stands."""
        self._away = False
        if self._astray:
            self._look_up()
        else:
            self._go_on()

    def stop(self) -> None:
        """End all that is under way; what is committed stays committed."""
        self._stopped = True
        self._leave()
        self._world.deadlines.remove(self._look_up)
        self._refuse_callers()

    def rest(self) -> Deferred[None]:
        """Fires when no event is being taken, once it has been stopped."""
        if not self._busy:
            return succeed(None)
        self._rested = Deferred()
        return self._rested

    @property
    def last(self) -> Standing:
        """Where it stands; what may have been saved counts as saved."""
        return self.standing if self._doubtful is None else self._doubtful.change.after

    # One event at a time.

    def _ask(
        self, event: Event, decide: Callable[[Moment], Decision]
    ) -> Deferred[Answer]:
        answer: Deferred[Answer] = Deferred()
        self._queue(Item(event, decide, answer))
        return answer

    def _queue(self, item: Item) -> None:
        self._inbox.put(item)
        if not self._can_save:
            self._refuse_callers()
        elif not self._busy:
            Deferred.fromCoroutine(self._work())

    @property
    def _can_save(self) -> bool:
        return not (self._away or self._astray or self._stopped)

    async def _work(self) -> None:
        self._busy = True
        while self._inbox and self._can_save:
            await self._take(self._inbox.take())
        self._busy = False
        if self._rested is not None:
            self._rested.callback(None)

    async def _take(self, item: Item) -> None:
        try:
            answer = await self._answer(item)
        except Refused as refusal:
            self._record_refusal(item.event, refusal)
            item.refuse(refusal)
        except (StoreUnavailable, Superseded):
            self._go_astray(item)
        except Exception as error:
            item.refuse(error)
            self._let_go(item, error)
        else:
            item.accept(answer)

    async def _answer(self, item: Item) -> Answer:
        decision = item.decide(self._moment())
        await self._carry_out(decision)
        return Answer(
            self._name,
            self.standing.state,
            self.standing.generation,
            repeat=isinstance(decision, Repeated),
        )

    async def _carry_out(self, decision: Decision) -> None:
        if isinstance(decision, Step):
            await self._commit(decision)
        elif isinstance(decision, Renewed):
            self.standing = decision.after
            self._renewed()
        elif isinstance(decision, Repeated):
            self._record(decision.row)
        else:
            self._arm()

    # The single choke point.

    async def _commit(self, step: Step) -> None:
        try:
            await self._world.store.commit(step.change)
        except StoreUnavailable:
            self._doubtful = step
            raise
        self._committed(step)

    def _committed(self, step: Step) -> None:
        before, self.standing = self.standing, step.change.after
        if step.change.row.outcome == "moved":
            self._log(step.change.row)
        self._moved(step, before)

    def _log(self, row: HistoryRow) -> None:
        reason = f" ({row.reason})" if row.reason else ""
        # One field is put into a format in a third of the time that five take, and
        # when all boards move at once their log lines cost more than their commits.
        log.info(
            "{line}",
            line=f"{row.board}: {row.from_state} -- {row.event} --> {row.to_state}"
            f"{reason}",
            board=row.board,
            old=row.from_state,
            event=row.event,
            new=row.to_state,
        )

    def _let_go(self, item: Item, error: Exception) -> None:
        """It would fail again; what is lifeguard's own is left to the timeout."""
        if item.caller is not None:
            return
        name, event = self._name, item.event.name
        log.failure("{board}: {event} failed", board=name, event=event)
        self._arm(at_least=RETRY_SECONDS)

    # When it is not known what is saved.

    def _go_astray(self, item: Item) -> None:
        """Hold an event until it is known where the board stands."""
        self._astray = True
        self._held = item
        item.refuse(StoreUnavailable(CANNOT_SAVE))
        self._refuse_callers()
        self._disarm()
        self._look_up_later()

    def _refuse_callers(self) -> None:
        """Whoever waits for an answer is to come again."""
        self._inbox.keep_own(StoreUnavailable(CANNOT_SAVE))

    def _look_up_later(self) -> None:
        """An absent store says itself when it is back."""
        if not (self._away or self._stopped):
            self._world.deadlines.put(self._look_up, RETRY_SECONDS)

    def _look_up(self) -> None:
        self._world.deadlines.remove(self._look_up)
        looking = Deferred.fromCoroutine(self._find_out())
        looking.addCallbacks(lambda _: self._go_on(), self._found_nothing)

    def _found_nothing(self, failure: Failure) -> None:
        if not failure.check(StoreUnavailable):
            log.failure("{board}: no look-up", failure, board=self._name)
        self._look_up_later()

    async def _find_out(self) -> None:
        """Where the board stands: the last change may have been made."""
        saved = await self._world.store.standing(self._name)
        if self._stopped or not self._astray:
            return  # another look-up was sooner
        self._astray = False
        step, self._doubtful = self._doubtful, None
        held, self._held = self._held, None
        if step is not None and saved == step.change.after:
            return self._committed(step)
        if held is not None and held.caller is None:
            self._inbox.put_back(held)
            self._refuse_callers()
        if saved is None and self.standing.version:
            log.error("{board}: its row is gone", board=self._name)
            saved = first_standing(self._name, self._world.wall())
        if saved is not None and saved.version != self.standing.version:
            log.warn("{board}: changed by somebody else", board=self._name)
            self.standing = saved
            self._replaced()

    def _go_on(self) -> None:
        if not self._can_save:
            return
        self._arm()
        if self._inbox and not self._busy:
            Deferred.fromCoroutine(self._work())

    # What moves nothing.

    def note(self, event: Event) -> None:
        """Write an event down, and go by nothing that it says."""
        self._record(history_row(self.standing, event, self._moment(), "noted"))

    def _record_refusal(self, event: Event, refusal: Refused) -> None:
        outcome: Outcome = "stale" if isinstance(refusal, Stale) else "refused"
        if isinstance(refusal, UnknownEvent) and event.name != SET_STATE:
            # A board may think of any number of names; they make one row.
            event = replace(event, name=UNKNOWN_EVENT)
        reason = str(refusal)
        self._record(history_row(self.standing, event, self._moment(), outcome, reason))

    def _record(self, row: HistoryRow) -> None:
        """Nobody waits for it; a store that is away will not hear of it."""
        self._world.store.record(row).addErrback(
            lambda failure: failure.trap(StoreError) and None
        )

    def _moment(self) -> Moment:
        return Moment(self._world.service_time.now(), self._world.wall())
