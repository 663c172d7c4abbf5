"""From an event to one change of one board: pure, nothing is done or saved here.

`decide` checks the event in the order that callers rely on, counts the strike and
lets the lifecycle's machine work on a `Draft`. The Draft is the machine's core: the
one place that knows what entering a state means for the board's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec.structs import replace

from lifeguard.event import Event, NotAccepted, NotYet, Stale, UnknownEvent
from lifeguard.lifecycle.machine import Core
from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_STARTED,
    REQUEST_PREFIX,
    TIMEOUT,
    Doing,
    Renew,
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

    from lifeguard.lifecycle import Lifecycle, State

Effect = Literal["cycle_power", "poll"]


class Moment(NamedTuple):
    """Now, in service seconds and in wall time."""

    service: float
    wall: datetime


class Step(NamedTuple):
    """A change and the lasting effects it wants once it is committed."""

    change: Change
    effects: tuple[Effect, ...] = ()


class Renewed(NamedTuple):
    """Only a deadline has moved: nothing to save."""

    after: Standing


class Repeated(NamedTuple):
    """It was accepted before; nothing to do but to say so again."""

    row: HistoryRow


class NothingDue(NamedTuple):
    """A timeout that was overtaken: the deadline lies ahead again."""


class Draft(Core):
    """One change of one board while it is being made."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        board: Board,
        before: Standing,
        event: Event,
        moment: Moment,
    ) -> None:
        self._lifecycle, self._board = lifecycle, board
        self._before, self._event, self._moment = before, event, moment
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
            strikes=self._lasting_strikes() if state.clears else self.after.strikes,
        )
        if doing is not None:
            doing(self)
        state.entry(self)

    def begin(self, state: State) -> None:
        assert state.timeout is not None, "checked when the lifecycle was built"
        if still_waits(self._lifecycle, self.after):
            self._set(deadline=self._now + state.timeout)
        self.note()

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
        generation = self.after.generation + 1
        self._set(
            generation=generation,
            accepted=(),
            deadline=self._now + self._lifecycle[self.after.state].wait,
        )
        self._owed = tuple(
            Owed(outlet, self._board.name, generation) for outlet in self._board.power
        )
        self._effects.append("cycle_power")

    def poll(self) -> None:
        self._effects.append("poll")

    def notify(self) -> None:
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
        self._set(wanted_image=body["image"], boot_config=body.get("boot_config", {}))

    # What makes the rest of a change.

    def order_again(self) -> None:
        """The power cycle that this stay is about, as if it had just been entered."""
        self._outcome = "noted"
        self._set(noted=())
        self.cycle_power()

    def clear_strikes(self) -> None:
        """Somebody's will: the board starts with a clean sheet."""
        self._set(strikes={})

    def strike(self, state: State) -> bool:
        """Count a strike against `state`; True when there were too many."""
        old = self.after.strikes.get(state.name, Strikes(0, 0.0))
        forgotten = state.forget is not None and self._now - old.last > state.forget
        count = 1 if forgotten else old.count + 1
        strikes = {**self.after.strikes, state.name: Strikes(count, self._now)}
        self._set(strikes=strikes)
        too_many = count > state.attempts
        what = f"strike {count}, {state.attempts} allowed"
        self.explain(f"{what}: given up" if too_many else what)
        return too_many

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
                row=replace(row, to_state=after.state, generation=after.generation),
                owed=self._owed,
                notices=tuple(self._notices),
            ),
            tuple(self._effects),
        )

    @property
    def _now(self) -> float:
        return self._moment.service

    def _request(self) -> Request | None:
        if not self._event.name.startswith(REQUEST_PREFIX):
            return None
        return Request(self._event.name, self._event.body)

    def _lasting_strikes(self) -> dict[str, Strikes]:
        return {
            name: strikes
            for name, strikes in self.after.strikes.items()
            if name in self._lifecycle and self._lifecycle[name].forget is not None
        }


Decision = Step | Renewed | Repeated | NothingDue


def decide(
    lifecycle: Lifecycle, board: Board, standing: Standing, event: Event, moment: Moment
) -> Decision:
    """What `event` does to a board that stands at `standing`.

    Raises a Refused: UnknownEvent, then Stale, then NotYet or NotAccepted.
    """
    _check_name(lifecycle, event)
    _check_binding(standing, event)
    if _is_repeated_request(lifecycle, standing, event):
        return Repeated(history_row(standing, event, moment, "repeat"))
    if standing.state not in lifecycle:
        raise NotAccepted(f"{standing.state} is not a state of the lifecycle", [])
    if event.name == TIMEOUT and not _is_due(standing, moment):
        return NothingDue()
    if not _is_declared(lifecycle, standing, event):
        return _undeclared(lifecycle, standing, event, moment)
    state = lifecycle[standing.state]
    if isinstance(lifecycle.transition(state.name, event.name), Renew):
        assert state.timeout is not None, "checked when the lifecycle was built"
        return Renewed(replace(standing, deadline=moment.service + state.timeout))
    return _step(
        lifecycle, state, Draft(lifecycle, board, standing, event, moment), event
    )


def place(
    lifecycle: Lifecycle,
    board: Board,
    standing: Standing,
    target: str,
    event: Event,
    moment: Moment,
) -> Step:
    """Enter `target` by a person's hand, from whatever state the board is in."""
    draft = Draft(lifecycle, board, standing, event, moment)
    draft.clear_strikes()
    draft.enter(lifecycle[target])
    return draft.step()


def take_up_cycle(
    lifecycle: Lifecycle, board: Board, standing: Standing, event: Event, moment: Moment
) -> Step | None:
    """Order a power cycle anew that a stopped lifeguard had not finished.

    None when the state waits for none: there was no order, or it ended in a failure
    and waits for its timeout. No strike: the board is not to blame.
    """
    if not lifecycle.wants(standing.state, "cycle_power"):
        return None
    if CYCLE_FAILED in standing.noted:
        return None
    draft = Draft(lifecycle, board, standing, event, moment)
    draft.order_again()
    return draft.step()


def still_waits(lifecycle: Lifecycle, standing: Standing) -> bool:
    """Whether a power cycle has been ordered whose turn has not come yet."""
    if not lifecycle.wants(standing.state, "cycle_power"):
        return False
    return not {CYCLE_STARTED, CYCLE_FAILED} & set(standing.noted)


def history_row(
    standing: Standing,
    event: Event,
    moment: Moment,
    outcome: Outcome,
    reason: str = "",
) -> HistoryRow:
    """A row for an event that leaves the board where it stands."""
    return HistoryRow(
        at=moment.wall,
        board=standing.board,
        event=event.name,
        source=event.source,
        outcome=outcome,
        from_state=standing.state,
        to_state=standing.state,
        generation=standing.generation,
        reason=reason or event.reason,
    )


def _check_name(lifecycle: Lifecycle, event: Event) -> None:
    known = {
        "board": lifecycle.board_events,
        "person": lifecycle.requests,
    }.get(event.by)
    if known is not None and event.name not in known:
        raise UnknownEvent(
            f"no such event: {event.name}; there are {', '.join(sorted(known))}"
        )


def _check_binding(standing: Standing, event: Event) -> None:
    if event.generation is not None and event.generation != standing.generation:
        raise Stale(
            f"{event.name} belongs to generation {event.generation},"
            f" the board is in generation {standing.generation}"
        )
    if event.stay is not None and event.stay != standing.stay:
        raise Stale(f"{event.name} belongs to a state that has been left")


def _is_repeated_request(
    lifecycle: Lifecycle, standing: Standing, event: Event
) -> bool:
    return (
        event.by == "person"
        and standing.request == Request(event.name, event.body)
        and standing.state in lifecycle
        and lifecycle.wants(standing.state, "cycle_power")
    )


def _is_due(standing: Standing, moment: Moment) -> bool:
    return standing.deadline is not None and moment.service >= standing.deadline


def _is_declared(lifecycle: Lifecycle, standing: Standing, event: Event) -> bool:
    transition = lifecycle.transition(standing.state, event.name)
    if isinstance(transition, Strike) and transition.after is not None:
        return transition.after in standing.noted
    return transition is not None


def _undeclared(
    lifecycle: Lifecycle, standing: Standing, event: Event, moment: Moment
) -> Repeated:
    if event.by == "board" and event.name in standing.accepted:
        return Repeated(history_row(standing, event, moment, "repeat"))
    if event.by == "board" and lifecycle.wants(standing.state, "cycle_power"):
        raise NotYet("the board's power is being cycled")
    if event.by == "lifeguard":
        raise Stale(f"{event.name} belongs to a state that has been left")
    raise NotAccepted(
        f"{event.name} is not accepted in {standing.state}",
        lifecycle.accepted(standing.state),
    )


def _step(lifecycle: Lifecycle, state: State, draft: Draft, event: Event) -> Step:
    gives_up = False
    if event.by == "person":
        draft.clear_strikes()
    elif event.by == "board":
        draft.accept()
    if event.name == TIMEOUT and still_waits(lifecycle, draft.after):
        draft.explain(f"waited {state.wait:g} s for its relay board: given up")
        gives_up = True
    elif isinstance(lifecycle.transition(state.name, event.name), Strike):
        gives_up = draft.strike(state)
    lifecycle.send(draft, state.name, event.name, gives_up=gives_up)
    return draft.step()
