"""One board: its inbox, its saved standing, and the single way to change it.

Events are taken one at a time. Each becomes one change; only when the store has
committed it is the caller answered, the timer armed and an effect begun. What the
store may or may not have taken is looked up before anything else happens.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lifeguard.decide import (
    Decision,
    Renewed,
    Repeated,
    decide,
    place,
    take_up_cycle,
)
from lifeguard.draft import Moment, Step, first_standing, history_row
from lifeguard.effects import Effects
from lifeguard.event import Answer, Event, NotAccepted, Refused, Stale, UnknownEvent
from lifeguard.inbox import Inbox, Item
from lifeguard.lifecycle import Boots
from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_OK,
    CYCLE_STARTED,
    TIMEOUT,
)
from lifeguard.store import StoreError, StoreUnavailable, Superseded

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Board, HistoryRow, Outcome, Standing
    from lifeguard.netboot.progress import Progress
    from lifeguard.world import World

log = Logger()

RETRY_SECONDS = 1.0
"""How long a board waits before it asks a store again that is there, but refused."""

CANNOT_SAVE = "lifeguard cannot save what it is told just now"

SET_STATE = "set-state"
RESUME = "resume"
UNKNOWN_EVENT = "unknown-event"


class ManagedBoard:
    """A board under lifeguard's care, standing where the store says it does."""

    def __init__(
        self, board: Board, lifecycle: Lifecycle, standing: Standing, world: World
    ) -> None:
        self.board, self.lifecycle, self.standing = board, lifecycle, standing
        self.switched_on: float | None = None
        """When lifeguard last read an outlet of it back as on; clock seconds."""
        self.progress: Progress | None = None
        """How far its last boot over the network has come, as netboot saw it."""
        self._world = world
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
        self._retry: IDelayedCall | None = None
        self._left_to_take_up: int | None = None
        """The stay whose lasting effects a stopped lifeguard left behind."""
        self._effects = Effects(board, world, self.tell)

    # What others ask of a board.

    def deliver(self, event: Event) -> Deferred[Answer]:
        """Take an event in turn; fires when what became of it is durable.

        Fails with a Refused, or with StoreUnavailable: then nothing is acknowledged
        and the event may be sent again.
        """
        return self._ask(event, partial(self._decide, event))

    def change(self, from_: str, to: str, source: str) -> Deferred[Answer]:
        """Enter `to`, provided that the board is in `from_` when its turn comes."""
        event = Event(name=SET_STATE, source=source, by="person")
        return self._ask(event, partial(self._place, event, from_, to))

    def tell(self, event: Event) -> None:
        """Take an event of lifeguard's own; kept until the store has it."""
        self._queue(Item(event, partial(self._decide, event), None))

    def resume(self) -> bool:
        """Go on where a stopped lifeguard left off; True: `take_up` is wanted.

        The timeout of a power cycle that is to be ordered anew waits for that.
        """
        if self.standing.state not in self.lifecycle:
            log.error(
                "{board}: left alone in {state}, which is no state of its lifecycle",
                board=self.board.name,
                state=self.standing.state,
            )
            return False
        lasts = self._wants("poll") or self._wants("cycle_power")
        self._left_to_take_up = self.standing.stay if lasts else None
        self._arm()
        return lasts

    def take_up(self) -> None:
        """Begin again what lasts in this state, unless it was left since `resume`."""
        wanted, self._left_to_take_up = self._awaits_turn, None
        if not wanted or self._stopped:
            return
        if self._wants("poll"):
            self._effects.begin(self.standing, ("poll",))
        if self._wants("cycle_power"):
            self._order_again()

    def store_is_away(self) -> None:
        """Nothing can be saved: hold what is lifeguard's own, refuse all else."""
        self._away = True
        self._effects.disarm()
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
        self._effects.leave()
        self._forget_retry()
        self._refuse_callers()

    def saw(self, event: str, progress: Progress) -> None:
        """How far the board's boot has come: it extends nothing and is no proof.

        It is written down, and a timeout of the same generation tells it.
        """
        self.progress = progress
        standing, generation = self.standing, progress.generation
        seen = Event(
            name=event, source="netboot", stay=standing.stay, generation=generation
        )
        if self._is_to_note(event):
            return self.tell(seen)
        row = history_row(standing, seen, self._moment(), "noted")
        self._record(replace(row, generation=generation))

    def cycle_started(self, generation: int) -> Deferred[bool]:
        """The turn of a power cycle has come: True once that is committed.

        Without a store it may not begin; it is ordered anew when the store is back.
        """
        event = Event(name=CYCLE_STARTED, source="power", generation=generation)
        started: Deferred[bool] = self.deliver(event).addCallback(lambda _: True)
        return started.addErrback(self._cannot_start)

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

    def _cannot_start(self, failure: Failure) -> bool:
        failure.trap(Refused, StoreUnavailable)
        if failure.check(StoreUnavailable):
            self._order_again()
        return False

    def _order_again(self) -> None:
        """Take up a power cycle that was ordered and has not come to its end."""
        standing = self.standing
        event = Event(
            name=RESUME,
            source="lifeguard",
            stay=standing.stay,
            generation=standing.generation,
        )
        self._queue(Item(event, partial(self._take_up, event), None))

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
            self.board.name,
            self.standing.state,
            self.standing.generation,
            repeat=isinstance(decision, Repeated),
        )

    async def _carry_out(self, decision: Decision) -> None:
        if isinstance(decision, Step):
            await self._commit(decision)
        elif isinstance(decision, Renewed):
            self.standing = decision.after
            self._arm()
            if not self._awaits_turn:
                self._effects.watch_again(self.standing)
        elif isinstance(decision, Repeated):
            self._record(decision.row)
        else:
            self._arm()

    # What each kind of item decides when its turn comes.

    def _decide(self, event: Event, moment: Moment) -> Decision:
        event = self._explained(event)
        decision = decide(self.lifecycle, self.board, self.standing, event, moment)
        if event.by == "person" and isinstance(decision, Step):
            self._world.check_possible(self.board, decision.change.after)
        return decision

    def _explained(self, event: Event) -> Event:
        """A timeout of a boot over the network says how far it came."""
        standing, progress = self.standing, self.progress
        if event.name != TIMEOUT or standing.state not in self.lifecycle:
            return event
        if progress is None or progress.generation != standing.generation:
            return event
        if self.lifecycle[standing.state].boots is Boots.DISK:
            return event
        return replace(event, reason=progress.summary())

    def _is_to_note(self, event: str) -> bool:
        """Whether the state notes such an event, and has not heard of one yet."""
        standing = self.standing
        return (
            standing.state in self.lifecycle
            and self.lifecycle.transition(standing.state, event) is not None
            and event not in standing.noted
            and not self._inbox.has(event)
        )

    def _place(self, event: Event, from_: str, to: str, moment: Moment) -> Decision:
        if to not in self.lifecycle:
            raise UnknownEvent(f"no such state: {to}")
        if from_ != self.standing.state:
            raise NotAccepted(
                f"the board is in {self.standing.state}, not in {from_}",
                self.lifecycle.accepted(self.standing.state),
            )
        step = place(self.lifecycle, self.board, self.standing, to, event, moment)
        self._world.check_possible(self.board, step.change.after)
        return step

    def _take_up(self, event: Event, moment: Moment) -> Decision:
        return take_up_cycle(self.lifecycle, self.board, self.standing, event, moment)

    # The single choke point.

    async def _commit(self, step: Step) -> None:
        try:
            await self._world.store.commit(step.change)
        except StoreUnavailable:
            self._doubtful = step
            raise
        self._committed(step)

    def _committed(self, step: Step) -> None:
        change, before = step.change, self.standing
        self.standing = change.after
        if change.row.outcome == "moved":
            self._log(change.row)
        if change.after.stay != before.stay:
            self._effects.leave()
        self._world.changed(change)
        if not self._stopped:
            self._arm()
            self._effects.begin(change.after, step.effects)

    def _log(self, row: HistoryRow) -> None:
        log.info(
            "{board}: {old} -- {event} --> {new}{reason}",
            board=row.board,
            old=row.from_state,
            event=row.event,
            new=row.to_state,
            reason=f" ({row.reason})" if row.reason else "",
        )

    def _let_go(self, item: Item, error: Exception) -> None:
        """It would fail again; what is lifeguard's own is left to the timeout."""
        if item.caller is not None:
            return
        name, event = self.board.name, item.event.name
        log.failure("{board}: {event} failed", board=name, event=event)
        self._effects.arm(self.standing, at_least=RETRY_SECONDS)

    # When it is not known what is saved.

    def _go_astray(self, item: Item) -> None:
        """Hold an event until it is known where the board stands."""
        self._astray = True
        self._held = item
        item.refuse(StoreUnavailable(CANNOT_SAVE))
        self._refuse_callers()
        self._effects.disarm()
        self._look_up_later()

    def _refuse_callers(self) -> None:
        """Whoever waits for an answer is to come again."""
        self._inbox.keep_own(StoreUnavailable(CANNOT_SAVE))

    def _look_up_later(self) -> None:
        """An absent store says itself when it is back."""
        self._forget_retry()
        if not (self._away or self._stopped):
            self._retry = self._world.clock.callLater(RETRY_SECONDS, self._look_up)

    def _forget_retry(self) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    def _look_up(self) -> None:
        self._forget_retry()
        looking = Deferred.fromCoroutine(self._find_out())
        looking.addCallbacks(lambda _: self._go_on(), self._found_nothing)

    def _found_nothing(self, failure: Failure) -> None:
        if not failure.check(StoreUnavailable):
            log.failure("{board}: no look-up", failure, board=self.board.name)
        self._look_up_later()

    async def _find_out(self) -> None:
        """Where the board stands: the last change may have been made."""
        saved = await self._world.store.standing(self.board.name)
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
            log.error("{board}: its row is gone", board=self.board.name)
            saved = first_standing(self.board.name, self._world.wall())
        if saved is not None and saved.version != self.standing.version:
            self._stand_at(saved)

    def _stand_at(self, saved: Standing) -> None:
        log.warn("{board}: changed by somebody else", board=self.board.name)
        self._effects.leave()
        self.standing = saved
        self.resume()
        self.take_up()

    def _go_on(self) -> None:
        if not self._can_save:
            return
        self._arm()
        if self._inbox and not self._busy:
            Deferred.fromCoroutine(self._work())

    def _arm(self) -> None:
        if self._awaits_turn and self._wants("cycle_power"):
            return  # its time begins when it is ordered anew
        if self.standing.state in self.lifecycle:
            self._effects.arm(self.standing)

    @property
    def _awaits_turn(self) -> bool:
        return self._left_to_take_up == self.standing.stay

    def _wants(self, what: str) -> bool:
        state = self.standing.state
        return state in self.lifecycle and self.lifecycle.wants(state, what)

    # What moves nothing.

    def _record_refusal(self, event: Event, refusal: Refused) -> None:
        outcome: Outcome = "stale" if isinstance(refusal, Stale) else "refused"
        if isinstance(refusal, UnknownEvent) and event.name != SET_STATE:
            # A board may think of any number of names; they make one row.
            event = replace(event, name=UNKNOWN_EVENT)
        row = history_row(self.standing, event, self._moment(), outcome, str(refusal))
        if event.generation is not None:
            row = replace(row, generation=event.generation)
        self._record(row)

    def _record(self, row: HistoryRow) -> None:
        """Nobody waits for it; a store that is away will not hear of it."""
        self._world.store.record(row).addErrback(
            lambda failure: failure.trap(StoreError) and None
        )

    def _moment(self) -> Moment:
        return Moment(self._world.service_time.now(), self._world.wall())
