"""One board: its inbox, its saved standing, and the single way to change it.

Events are taken one at a time. Each becomes one change; only when the store has
committed it is the caller answered, the timer armed and an effect begun. What the
store may or may not have taken is looked up before anything else happens.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lifeguard.decide import (
    Decision,
    NothingToDo,
    Renewed,
    Repeated,
    decide,
    place,
    take_up_cycle,
)
from lifeguard.draft import Moment, Step, history_row
from lifeguard.effects import Effects
from lifeguard.event import Answer, Event, NotAccepted, Refused, Stale, UnknownEvent
from lifeguard.lifecycle.state import (
    CONFIG_FETCHED,
    CYCLE_FAILED,
    CYCLE_OK,
    CYCLE_STARTED,
    TIMEOUT,
)
from lifeguard.store import StoreUnavailable, Superseded

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Board, HistoryRow, Outcome, Standing
    from lifeguard.world import World

log = Logger()

RETRY_SECONDS = 1.0
"""How long lifeguard's own events wait before they ask an absent store again."""

SET_STATE = "set-state"
RESUME = "resume"
UNKNOWN_EVENT = "unknown-event"


class _Waiting(NamedTuple):
    event: Event
    target: tuple[str, str] | None
    """From and to, when a person's hand moves the board."""
    answer: Deferred[Answer]


class ManagedBoard:
    """A board under lifeguard's care, standing where the store says it does."""

    def __init__(
        self, board: Board, lifecycle: Lifecycle, standing: Standing, world: World
    ) -> None:
        self.board, self.lifecycle, self.standing = board, lifecycle, standing
        self.switched_on: float | None = None
        """When lifeguard last read an outlet of it back as on; clock seconds."""
        self._world = world
        self._inbox: deque[_Waiting] = deque()
        self._busy = False
        self._stopped = False
        self._doubtful: Step | None = None
        self._retries: set[IDelayedCall] = set()
        self._effects = Effects(board, world, self.tell)

    # What others ask of a board.

    def deliver(self, event: Event) -> Deferred[Answer]:
        """Take an event in turn; fires when what became of it is durable.

        Fails with a Refused, or with StoreUnavailable: then nothing is acknowledged
        and the event may be sent again.
        """
        return self._queue(event, None)

    def change(self, from_: str, to: str, source: str) -> Deferred[Answer]:
        """Enter `to`, provided that the board is in `from_` when its turn comes."""
        event = Event(name=SET_STATE, source=source, by="person")
        return self._queue(event, (from_, to))

    def tell(self, event: Event) -> None:
        """Take an event of lifeguard's own; kept until the store has it."""
        waiting = self.deliver(event)
        waiting.addErrback(self._tell_again, event)

    def resume(self) -> None:
        """Go on where a stopped lifeguard left off: what lasts is taken up again."""
        if self.standing.state not in self.lifecycle:
            log.error(
                "{board}: left alone in {state}, which is no state of its lifecycle",
                board=self.board.name,
                state=self.standing.state,
            )
            return
        self._arm()
        if self.lifecycle.wants(self.standing.state, "poll"):
            self._effects.poll(self.standing)
        if self.lifecycle.wants(self.standing.state, "cycle_power"):
            self._take_up_cycle()

    def stop(self) -> None:
        """End all that is under way; what is committed stays committed."""
        self._stopped = True
        self._effects.leave()
        for call in self._retries:
            call.cancel()
        self._retries.clear()

    def fetched_boot_config(self) -> None:
        """A boot loader has fetched this board's boot config."""
        standing = self.standing
        if standing.state not in self.lifecycle or CONFIG_FETCHED in standing.noted:
            return
        if self.lifecycle.transition(standing.state, CONFIG_FETCHED) is not None:
            self.tell(Event(name=CONFIG_FETCHED, source="netboot", stay=standing.stay))

    def cycle_started(self, generation: int) -> Deferred[bool]:
        """The turn of a power cycle has come: True once that is committed.

        Without a store it may not begin; it is ordered anew when the store is back.
        """
        event = Event(name=CYCLE_STARTED, source="power", generation=generation)
        started: Deferred[bool] = self.deliver(event).addCallback(lambda _: True)
        return started.addErrback(self._cannot_start)

    def _cannot_start(self, failure: Failure) -> bool:
        failure.trap(Stale, NotAccepted, StoreUnavailable)
        if failure.check(StoreUnavailable):
            self._take_up_cycle()
        return False

    def _take_up_cycle(self) -> None:
        stay = self.standing.stay
        self.tell(Event(name=RESUME, source="lifeguard", stay=stay))

    def cycle_ended(self, generation: int, failure: str | None) -> None:
        """A power cycle is over."""
        self.tell(
            Event(
                name=CYCLE_OK if failure is None else CYCLE_FAILED,
                source="power",
                generation=generation,
                reason=failure or "",
            )
        )

    # One event at a time.

    def _queue(self, event: Event, target: tuple[str, str] | None) -> Deferred[Answer]:
        waiting = _Waiting(event, target, Deferred())
        self._inbox.append(waiting)
        if not self._busy:
            Deferred.fromCoroutine(self._work())
        return waiting.answer

    async def _work(self) -> None:
        self._busy = True
        while self._inbox:
            waiting = self._inbox.popleft()
            try:
                answer = await self._take(waiting)
            except Exception:
                waiting.answer.errback(Failure())
            else:
                waiting.answer.callback(answer)
        self._busy = False

    async def _take(self, waiting: _Waiting) -> Answer:
        if self._stopped:
            raise StoreUnavailable("lifeguard is stopping")
        await self._resolve_doubt()
        event = waiting.event
        try:
            decision = self._decide(waiting)
        except Refused as refusal:
            self._record_refusal(event, refusal)
            raise
        if isinstance(decision, Step):
            await self._commit(decision)
        elif isinstance(decision, Renewed):
            self.standing = decision.after
            self._arm()
        elif isinstance(decision, Repeated):
            self._record(decision.row)
        else:
            self._arm()
        return Answer(
            self.board.name,
            self.standing.state,
            self.standing.generation,
            repeat=isinstance(decision, Repeated),
        )

    def _decide(self, waiting: _Waiting) -> Decision:
        event, standing, moment = waiting.event, self.standing, self._moment()
        if waiting.target is not None:
            return self._place(event, *waiting.target, moment)
        if event.name == RESUME:
            step = take_up_cycle(self.lifecycle, self.board, standing, event, moment)
            return step or NothingToDo()
        return decide(self.lifecycle, self.board, standing, event, moment)

    def _place(self, event: Event, from_: str, to: str, moment: Moment) -> Step:
        if to not in self.lifecycle:
            raise UnknownEvent(f"no such state: {to}")
        if from_ != self.standing.state:
            raise NotAccepted(
                f"the board is in {self.standing.state}, not in {from_}",
                self.lifecycle.accepted(self.standing.state),
            )
        return place(self.lifecycle, self.board, self.standing, to, event, moment)

    # The single choke point.

    async def _commit(self, step: Step) -> None:
        try:
            await self._world.store.commit(step.change)
        except (StoreUnavailable, Superseded) as error:
            self._doubtful = step
            raise StoreUnavailable(str(error)) from error
        self._committed(step)

    async def _resolve_doubt(self) -> None:
        """Find out whether a change whose commit was not confirmed was made."""
        if (step := self._doubtful) is None:
            return
        saved = await self._world.store.standing(self.board.name)
        self._doubtful = None
        if saved is not None and saved.version == step.change.after.version:
            self._committed(step)
        elif saved is not None:
            self.standing = saved
            self._arm()

    def _committed(self, step: Step) -> None:
        change, before = step.change, self.standing
        self.standing = change.after
        if change.after.stay != before.stay:
            self._effects.leave()
        self._arm()
        log.info(
            "{board}: {old} -- {event} --> {new}{reason}",
            board=self.board.name,
            old=before.state,
            event=change.row.event,
            new=change.after.state,
            reason=f" ({change.row.reason})" if change.row.reason else "",
        )
        self._world.changed(change)
        self._effects.begin(change.after, step.effects)

    def _arm(self) -> None:
        if self.standing.state in self.lifecycle:
            self._effects.arm(self.standing)

    # What could not be done.

    def _tell_again(self, failure: Failure, event: Event) -> None:
        failure.trap(StoreUnavailable, Refused)
        if self._stopped or not failure.check(StoreUnavailable):
            return
        if event.name == TIMEOUT:
            self._effects.arm(self.standing, at_least=RETRY_SECONDS)
            return

        def again() -> None:
            self._retries.discard(call)
            self.tell(event)

        call = self._world.clock.callLater(RETRY_SECONDS, again)
        self._retries.add(call)

    def _record_refusal(self, event: Event, refusal: Refused) -> None:
        outcome: Outcome = "stale" if isinstance(refusal, Stale) else "refused"
        reason = str(refusal)
        if isinstance(refusal, UnknownEvent):
            # A board may think of any number of names; they make one row.
            event, reason = replace(event, name=UNKNOWN_EVENT), "no such event or state"
        row = history_row(self.standing, event, self._moment(), outcome, reason)
        if event.generation is not None:
            row = replace(row, generation=event.generation)
        self._record(row)

    def _record(self, row: HistoryRow) -> None:
        self._world.store.record(row).addErrback(
            lambda failure: failure.trap(StoreUnavailable) and None
        )

    def _moment(self) -> Moment:
        return Moment(self._world.service_time.now(), self._world.wall())
