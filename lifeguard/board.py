"""One board: what others ask of it, how it decides, and what it has under way.

How an event is taken in turn, saved and answered is the keeper's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from lifeguard.decide import Decision, NothingToDo, decide, place, take_up_cycle
from lifeguard.draft import Moment, Step
from lifeguard.effects import POLICY, Effects
from lifeguard.event import Answer, Event
from lifeguard.inbox import Item
from lifeguard.keeper import SET_STATE, Keeper
from lifeguard.lifecycle.state import POWER_OFF
from lifeguard.sightings import explained, sighting

if TYPE_CHECKING:
    from lifeguard.draft import Effect
    from lifeguard.model import Board, Hardware, Standing
    from lifeguard.netboot.progress import Progress
    from lifeguard.world import World

log = Logger()

RESUME = "resume"
MOVED = Event(name=RESUME, source="lifeguard", reason="it is on other outlets now")

GRACE_SECONDS = 5.0
"""After a start no timeout comes sooner: a board that has been sending its event all
the while tries again within some seconds, and shall be heard first."""

_LASTING: Final[tuple[Effect, ...]] = ("poll", "keep_off")
"""What is begun again after a start, beside what is ordered anew of power."""

_NOT_OWED = Event(
    name=POWER_OFF, source=POLICY, reason="its outlets were not owed to it"
)


class Move(NamedTuple):
    """What a board is to be as soon as its turn comes to be on other outlets."""

    board: Board
    hardware: Hardware
    made: Deferred[None]
    """Fires when nothing more is ordered of the old outlets."""


class ManagedBoard(Keeper):
    """A board under lifeguard's care, standing where the store says it does."""

    _moving: Move | None = None

    def __init__(
        self, board: Board, hardware: Hardware, standing: Standing, world: World
    ) -> None:
        super().__init__(board.name, standing, world)
        self.board, self.hardware = board, hardware
        self.lifecycle = hardware.lifecycle
        self.switched_on: float | None = None
        """When lifeguard last read an outlet of it back as on; clock seconds."""
        self.progress: Progress | None = None
        """How far its last boot over the network has come, as netboot saw it."""
        self._left_to_take_up: int | None = None
        """The stay whose lasting effects a stopped lifeguard left behind."""
        self._effects = Effects(board, world, self.tell)

    # What others ask of a board.

    @property
    def is_off(self) -> bool:
        """Whether it is to be without power."""
        return self.lifecycle.is_off(self.standing.state)

    @property
    def is_kept_off(self) -> bool:
        """Whether it has been switched off, and stays so."""
        return self._wants("keep_off")

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

        The timeout of what is to be ordered anew of power waits for that.
        """
        if self.standing.state not in self.lifecycle:
            log.error(
                "{board}: left alone in {state}, which is no state of its lifecycle",
                board=self.board.name,
                state=self.standing.state,
            )
            return False
        lasts = self._orders_power or any(map(self._wants, _LASTING))
        self._left_to_take_up = self.standing.stay if lasts else None
        self._arm(at_least=GRACE_SECONDS)
        return lasts

    def switch_off_anew(self) -> None:
        """Instead of `resume`, where it is off and not owed its outlets: so it is."""
        self.tell(_NOT_OWED)

    def take_up(self) -> None:
        """Begin again what lasts in this state, unless it was left since `resume`."""
        wanted, self._left_to_take_up = self._awaits_turn, None
        if not wanted or self._stopped:
            return
        self.order_again()
        lasting = tuple(effect for effect in _LASTING if self._wants(effect))
        self._effects.begin(self.standing, lasting)

    def saw(self, event: str, progress: Progress) -> None:
        """How far the board's boot has come: it extends nothing and is no proof.

        It is written down, and a timeout of the same generation tells it.
        """
        self.progress = progress
        seen = sighting(self.standing, event, progress)
        if self._is_to_note(event):
            self.tell(seen)
        else:
            self.note(seen)

    def order_again(self) -> None:
        """Take up what was ordered of power, if that has not come to its end."""
        if not self._orders_power:
            return
        standing = self.standing
        event = Event(
            name=RESUME,
            source="lifeguard",
            stay=standing.stay,
            generation=standing.generation,
        )
        self._queue(Item(event, partial(self._take_up, event), None))

    # What the inventory says of it from now on.

    def is_meant_to_be(self, board: Board, hardware: Hardware) -> bool:
        """Whether the inventory has said so already."""
        meant: ManagedBoard | Move = self._moving or self
        return board is meant.board and hardware is meant.hardware

    def become(self, board: Board, hardware: Hardware) -> Deferred[None]:
        """Be another, with what is under way going on; fires when it is.

        Other outlets are taken in turn: until then an event may be on its way into the
        store that orders something of the old ones. What was said last counts.
        """
        if self._moving is not None:
            self._moving = self._moving._replace(board=board, hardware=hardware)
            return self._moving.made
        if board.power == self.board.power:
            self._become(board, hardware)
            return succeed(None)
        made: Deferred[None] = Deferred()
        self._moving = Move(board, hardware, made)
        self._queue(Item(MOVED, self._move, None))
        return made

    def poll_anew(self) -> None:
        """What proves that it is well is something else now."""
        if self._wants("poll") and not self._awaits_turn:
            self._effects.poll_anew(self.standing)

    async def let_go(self) -> Standing:
        """Want nothing more of it; returns, when it has its power, where it stood."""
        self.stop()
        await self.rest()
        last = self.last
        owed = self.board.power if self._may_be_off(last) else ()
        await self._world.power.let_go(self.board.name, last.generation, owed)
        if self._moving is not None:
            self._moving.made.callback(None)
        return last

    def _become(self, board: Board, hardware: Hardware) -> None:
        knew = self.standing.state in self.lifecycle
        old = self.board.address, self.hardware.health
        self.board, self._effects.board = board, board
        self.hardware, self.lifecycle = hardware, hardware.lifecycle
        if not (knew and self.standing.state in self.lifecycle):
            return self._replaced()
        self._disarm()
        self._go_on()
        if (board.address, hardware.health) != old:
            self.poll_anew()

    def _move(self, moment: Moment) -> Decision:
        """Asked again, because the store did not take it, it has moved already."""
        if self._moving is not None:
            move, self._moving = self._moving, None
            self._leave_outlets(move.board, move.hardware)
            move.made.callback(None)
        if self.is_kept_off:
            self.switch_off_anew()
        if not self._orders_power:
            return NothingToDo()
        self._left_to_take_up = None
        return self._take_up(MOVED, moment)

    def _leave_outlets(self, board: Board, hardware: Hardware) -> None:
        """The old outlets are on, whatever they were to be."""
        old, may_be_off = self.board.power, self._may_be_off(self.standing)
        self._become(board, hardware)
        if may_be_off:
            left = tuple(outlet for outlet in old if outlet not in board.power)
            generation = self.standing.generation
            self._world.power.switch_on(board.name, generation, left)

    def _may_be_off(self, standing: Standing) -> bool:
        """Whether the store has its outlets marked as owed, for all that is known."""
        lifecycle, state = self.lifecycle, standing.state
        return lifecycle.orders_power(state) or lifecycle.is_off(state)

    # What each kind of item decides when its turn comes.

    def _decide(self, event: Event, moment: Moment) -> Decision:
        lifecycle, standing, world = self.lifecycle, self.standing, self._world
        event = explained(
            event, lifecycle, standing, self.progress, sees_boots=world.sees_boots
        )
        blamed = world.blamed(self.board.name)
        decision = decide(lifecycle, self.board, standing, event, moment, blamed)
        if event.by == "person" and isinstance(decision, Step):
            world.check_possible(self.board, decision.change.after)
        return decision

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
        lifecycle, standing = self.lifecycle, self.standing
        step = place(lifecycle, self.board, standing, from_, to, event, moment)
        self._world.check_possible(self.board, step.change.after)
        return step

    def _take_up(self, event: Event, moment: Moment) -> Decision:
        return take_up_cycle(self.lifecycle, self.board, self.standing, event, moment)

    # What it has under way.

    def _arm(self, at_least: float = 0.0) -> None:
        if self._awaits_turn and self._orders_power:
            return  # its time begins when it is ordered anew
        if self.standing.state not in self.lifecycle:
            return
        self._effects.arm(self.standing, at_least)
        if self.lifecycle[self.standing.state].idle:
            self._effects.arm_idle(self.standing, at_least)

    def _disarm(self) -> None:
        self._effects.disarm()

    def _leave(self) -> None:
        self._effects.leave()

    def _moved(self, step: Step, before: Standing) -> None:
        if step.change.after.stay != before.stay:
            self._effects.leave()
        self._world.changed(step.change)
        if not self._stopped:
            self._arm()
            self._effects.begin(self.standing, step.effects)

    def _renewed(self) -> None:
        self._arm()
        if not self._awaits_turn:
            self._effects.watch_again(self.standing)

    def _replaced(self) -> None:
        self._effects.leave()
        self.resume()
        self.take_up()

    @property
    def _awaits_turn(self) -> bool:
        return self._left_to_take_up == self.standing.stay

    @property
    def _orders_power(self) -> bool:
        return self.lifecycle.orders_power(self.standing.state)

    def _wants(self, what: str) -> bool:
        return self.lifecycle.wants(self.standing.state, what)
