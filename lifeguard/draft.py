"""One change of one board while it is being made: pure, nothing is saved here.

A Draft is the core that the lifecycle's machine works on, and what a state's entry
asks of. It is the one place that knows what entering a state means for a board's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec.structs import replace
from twisted.logger import Logger

from lifeguard.blame.evidence import evidence_of
from lifeguard.lifecycle.lifecycle import INITIAL
from lifeguard.lifecycle.machine import Core
from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_STARTED,
    REQUEST_PREFIX,
    TIMEOUT,
    Doing,
    Strike,
)
from lifeguard.model import (
    Board,
    Change,
    HistoryRow,
    Notice,
    Outcome,
    Owed,
    Request,
    Standing,
    Strikes,
)

if TYPE_CHECKING:
    from datetime import datetime

    from lifeguard.event import Event
    from lifeguard.lifecycle import Lifecycle, State
    from lifeguard.model import Blamed

log = Logger()

Effect = Literal[
    "cycle_power", "power_off", "power_off_now", "keep_off", "switch_on", "poll"
]


class Moment(NamedTuple):
    """Now, in service seconds and in wall time."""

    service: float
    wall: datetime


class Step(NamedTuple):
    """A change and the lasting effects it wants once it is committed."""

    change: Change
    effects: tuple[Effect, ...] = ()


class Draft(Core):
    """One change of one board while it is being made."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        board: Board,
        before: Standing,
        event: Event,
        moment: Moment,
        blamed: Blamed | None = None,
    ) -> None:
        self._lifecycle, self._board = lifecycle, board
        self._before, self._event, self._moment = before, event, moment
        self._blamed = blamed
        self.after = before
        self._outcome: Literal["moved", "noted"] = "moved"
        self._effects: list[Effect] = []
        self._owed: tuple[Owed, ...] = ()
        self._notices: list[Notice] = []
        self.reason = event.reason

    def _set(self, **fields: Any) -> None:
        self.after = replace(self.after, **fields)

    # What the machine calls.

    def enter(self, state: State, doing: Doing | None = None) -> None:
        again = state.name == self._before.state
        deadline = None if state.timeout is None else self._now + state.timeout
        self._set(
            state=state.name,
            since=self._moment.wall,
            stay=self.after.stay + 1,
            entered=self._now,
            deadline=deadline,
            noted=(),
            request=self._request() or (self._before.request if again else None),
            strikes=self._strikes_kept(state),
        )
        try:
            if doing is not None:
                doing(self)
            state.entry(self)
        except Exception as error:
            # It must not raise into Automat; the state's timeout takes care of it.
            log.failure("{board}: {state} failed", board=self._board.name, state=state)
            self.explain(f"its entry failed: {error!r}")
        if self._lifecycle.is_off(self._before.state) and not self._settles_power:
            self._switch_on()

    def begin(self, state: State) -> None:
        assert state.timeout is not None, "checked when the lifecycle was built"
        if still_waits(self._lifecycle, self.after):
            self._set(deadline=self._now + state.timeout)
        self.note()

    def hold(self) -> None:
        noted = tuple(each for each in self.after.noted if each != CYCLE_STARTED)
        self._set(deadline=self._end_of_patience, noted=noted)
        self.note()

    def begin_again(self) -> None:
        self.order_again()
        assert self.after.deadline is not None, "it waits for its turn"
        self._set(deadline=min(self.after.deadline, self._end_of_patience))

    def extend(self, state: State) -> None:
        assert state.timeout is not None, "checked when the lifecycle was built"
        assert state.total is not None, "checked when the lifecycle was built"
        end = self.after.entered + state.total
        self._set(deadline=min(self._now + state.timeout, end))
        self.note()

    def note(self) -> None:
        self._outcome = "noted"
        if self._event.name not in self.after.noted:
            self._set(noted=(*self.after.noted, self._event.name))

    # What a state's entry and a transition's doing may want.

    def cycle_power(self) -> None:
        self._order_power()
        self._owe()
        self._effects.append("cycle_power")

    def power_off(self) -> None:
        self._order_power()
        self._owe()
        is_urgent = self._event.by == "person"
        self._effects.append("power_off_now" if is_urgent else "power_off")

    def keep_off(self) -> None:
        if not self._lifecycle.is_off(self._before.state):
            # What an earlier generation may still settle, is not this mark.
            self._new_generation()
        self._owe()
        self._effects.append("keep_off")

    def poll(self) -> None:
        self._effects.append("poll")

    def notify(self) -> None:
        if self._blamed is not None and self._blamed.excuses:
            return  # the incident has been told; when it is closed, so is this
        came = f"{self._before.state} -- {self._event.name} --> {self.after.state}"
        text = f"{came}: {self.reason}" if self.reason else came
        self._notices.append(
            Notice(at=self._moment.wall, board=self._board.name, text=text)
        )

    def take_wanted_image(self) -> None:
        self._set(image=self.after.wanted_image)

    def lose_image(self) -> None:
        self._set(image=None)

    def want_requested_image(self) -> None:
        body = self._event.body
        self._set(
            wanted_image=body.get("image"), boot_config=body.get("boot_config", {})
        )

    # What makes the rest of a change.

    def order_again(self) -> None:
        """What this stay has ordered of power, as if it had just been entered."""
        self._outcome = "noted"
        self._set(noted=())
        if self._lifecycle.is_off(self.after.state):
            self.power_off()
        else:
            self.cycle_power()

    def clear_strikes(self) -> None:
        """Somebody's will: the board starts with a clean sheet."""
        self._set(strikes={})

    def strike(self, state: State) -> bool:
        """Count a strike against `state`; True when there were too many.

        What counts the laps from Ready to Ready is never excused: nothing may go on
        for ever.
        """
        blamed = self._blamed
        if blamed is not None and blamed.excuses and state.forget is None:
            self.explain(f"no strike: incident {blamed.incident}, {blamed.cause}")
            return False
        old = self.after.strikes.get(state.name, Strikes(0, 0.0))
        rested = self._now - self._on_the_way - old.last
        forgotten = state.forget is not None and rested > state.forget
        count = 1 if forgotten else old.count + 1
        strikes = {**self.after.strikes, state.name: Strikes(count, self._now)}
        self._set(strikes=strikes)
        too_many = count > state.attempts
        what = f"strike {count}, {state.attempts} allowed"
        if state.forget is not None:
            what = f"{what}, forgotten after {state.forget:g} s without one"
        self.explain(f"{what}: given up" if too_many else what)
        return too_many

    def waited(self) -> None:
        """The turn of the power cycle never came."""
        names = sorted({outlet.relay_board for outlet in self._board.power})
        seconds = round(self._now - self.after.entered)
        self.explain(f"waited {seconds} s for {', '.join(names)}: given up")

    def explain(self, reason: str) -> None:
        """Add to the reason that history gives."""
        self.reason = f"{self.reason}; {reason}" if self.reason else reason

    def accept(self) -> None:
        """Remember a board's event, so that the same one again is a repeat."""
        if self._event.name not in self.after.accepted:
            self._set(accepted=(*self.after.accepted, self._event.name))

    def step(self) -> Step:
        """The change as it stands now."""
        after = replace(self.after, version=self._before.version + 1)
        row = history_row(
            self._before, self._event, self._moment, self._outcome, self.reason
        )
        return Step(
            Change(
                after=after,
                row=replace(row, to_state=after.state),
                owed=self._owed,
                notices=tuple(self._notices),
                evidence=evidence_of(
                    self._lifecycle, self._before, self._event, after, self._moment.wall
                ),
            ),
            tuple(self._effects),
        )

    def _order_power(self) -> None:
        self._new_generation()
        self._set(deadline=self._now + self._lifecycle[self.after.state].wait)

    def _new_generation(self) -> None:
        self._set(generation=self.after.generation + 1, accepted=())

    def _owe(self) -> None:
        board, generation = self._board.name, self.after.generation
        self._owed = tuple(
            Owed(outlet, board, generation) for outlet in self._board.power
        )

    def _switch_on(self) -> None:
        """No state but those that want it may leave a board without power."""
        self._owe()
        self._effects.append("switch_on")

    @property
    def _settles_power(self) -> bool:
        """Whether the state says itself what becomes of the board's power."""
        return bool(self._owed) or self._lifecycle.is_off(self.after.state)

    @property
    def _now(self) -> float:
        return self._moment.service

    @property
    def _end_of_patience(self) -> float:
        patience: float = self._event.body["patience"]
        return self.after.entered + patience

    def _request(self) -> Request | None:
        """A person's; what lifeguard asks for by itself is nobody's wish."""
        event = self._event
        if event.by != "person" or not event.name.startswith(REQUEST_PREFIX):
            return None
        return Request(event.name, event.body)

    def _strikes_kept(self, entered: State) -> dict[str, Strikes]:
        forgetful = {
            name: self._put_off(strikes)
            for name, strikes in self.after.strikes.items()
            if name in self._lifecycle and self._lifecycle[name].forget is not None
        }
        return forgetful if entered.clears else {**self.after.strikes, **forgetful}

    def _put_off(self, strikes: Strikes) -> Strikes:
        return replace(strikes, last=min(strikes.last + self._on_the_way, self._now))

    @property
    def _on_the_way(self) -> float:
        """For how long something has been due of the board in this stay, in seconds."""
        before = self._before
        if before.state not in self._lifecycle:
            return 0.0
        timeout = self._lifecycle.transition(before.state, TIMEOUT)
        return self._now - before.entered if isinstance(timeout, Strike) else 0.0


def first_standing(board: str, now: datetime) -> Standing:
    """Where a board stands that no change has been made of."""
    return Standing(board=board, state=INITIAL, since=now)


def still_waits(lifecycle: Lifecycle, standing: Standing) -> bool:
    """Whether something has been ordered of power whose turn has not come yet."""
    if not lifecycle.orders_power(standing.state):
        return False
    return not {CYCLE_STARTED, CYCLE_FAILED} & set(standing.noted)


def history_row(
    standing: Standing,
    event: Event,
    moment: Moment,
    outcome: Outcome,
    reason: str = "",
) -> HistoryRow:
    """A row for an event that leaves the board where it stands.

    It is of the generation that the event belongs to, or else of the board's.
    """
    generation = event.generation
    return HistoryRow(
        at=moment.wall,
        board=standing.board,
        event=event.name,
        source=event.source,
        outcome=outcome,
        from_state=standing.state,
        to_state=standing.state,
        generation=standing.generation if generation is None else generation,
        reason=reason or event.reason,
    )
