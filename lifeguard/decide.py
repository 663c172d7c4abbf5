"""From an event to one change of one board: pure, nothing is done or saved here.

The event is checked in the order that callers rely on, its strike is counted, since
Automat has no guards, and the lifecycle's machine then works on a Draft.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.json import encode
from msgspec.structs import replace

from lifeguard.draft import Draft, Moment, Step, history_row, still_waits
from lifeguard.event import Event, NotAccepted, NotYet, Stale, UnknownEvent
from lifeguard.lifecycle.state import CYCLE_FAILED, POWER_OFF, TIMEOUT, Renew, Strike
from lifeguard.model import Board, HistoryRow, Request, Standing

if TYPE_CHECKING:
    from lifeguard.lifecycle import Lifecycle, State
    from lifeguard.model import Blamed


class Renewed(NamedTuple):
    """Only a deadline has moved: nothing to save."""

    after: Standing


class Repeated(NamedTuple):
    """It was accepted before, or is so already; nothing to do but to say so."""

    row: HistoryRow


class NothingToDo(NamedTuple):
    """It was overtaken: a deadline that lies ahead again, a cycle that has ended."""


Decision = Step | Renewed | Repeated | NothingToDo


def decide(
    lifecycle: Lifecycle,
    board: Board,
    standing: Standing,
    event: Event,
    moment: Moment,
    blamed: Blamed | None = None,
) -> Decision:
    """What `event` does to a board that stands at `standing`.

    `blamed` is the incident that its failures belong to, if they do to any.
    Raises a Refused: UnknownEvent, then Stale, then NotYet or NotAccepted.
    """
    _check_name(lifecycle, event)
    _check_binding(standing, event)
    if event.by == "person" and _is_met(lifecycle, standing, event):
        return Repeated(history_row(standing, event, moment, "repeat"))
    if standing.state not in lifecycle:
        raise NotAccepted(f"{standing.state} is not a state of the lifecycle", [])
    if event.name == TIMEOUT and not _is_due(standing, moment):
        return NothingToDo()
    if not _is_declared(lifecycle, standing, event):
        return _undeclared(lifecycle, standing, event, moment)
    state = lifecycle[standing.state]
    if isinstance(lifecycle.transition(state.name, event.name), Renew):
        assert state.timeout is not None, "checked when the lifecycle was built"
        return Renewed(replace(standing, deadline=moment.service + state.timeout))
    draft = Draft(lifecycle, board, standing, event, moment, blamed)
    return _step(lifecycle, state, draft, event)


def place(
    lifecycle: Lifecycle,
    board: Board,
    standing: Standing,
    from_: str,
    to: str,
    event: Event,
    moment: Moment,
) -> Step:
    """Enter `to` by a person's hand, provided that the board is in `from_`.

    Raises UnknownEvent when `to` is no state, NotAccepted when it is in another.
    """
    if to not in lifecycle:
        raise UnknownEvent(f"no such state: {to}")
    if from_ != standing.state:
        raise NotAccepted(
            f"the board is in {standing.state}, not in {from_}",
            lifecycle.accepted(standing.state),
        )
    draft = Draft(lifecycle, board, standing, event, moment)
    draft.clear_strikes()
    draft.enter(lifecycle[to])
    return draft.step()


def take_up_cycle(
    lifecycle: Lifecycle, board: Board, standing: Standing, event: Event, moment: Moment
) -> Step | NothingToDo:
    """Order anew what had been ordered of power and was not finished.

    Nothing when it ended in a failure and waits for its timeout. No strike: the board
    is not to blame. Raises Stale when the stay that ordered it is over.
    """
    _check_binding(standing, event)
    if CYCLE_FAILED in standing.noted:
        return NothingToDo()
    draft = Draft(lifecycle, board, standing, event, moment)
    draft.order_again()
    return draft.step()


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


def _is_met(lifecycle: Lifecycle, standing: Standing, event: Event) -> bool:
    """Whether what a person asks for is so, or is being done for the same request."""
    if standing.state not in lifecycle:
        return False
    if event.name == POWER_OFF and lifecycle.wants(standing.state, "keep_off"):
        return True
    asked = _same(standing.request, Request(event.name, event.body))
    return asked and lifecycle.orders_power(standing.state)


def _same(one: Request | None, other: Request) -> bool:
    """As JSON: to Python, True is 1."""
    return encode(one, order="sorted") == encode(other, order="sorted")


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
    # One that is being switched off is told no: no way on ever awaits what it says.
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
        draft.waited()
        gives_up = True
    elif isinstance(lifecycle.transition(state.name, event.name), Strike):
        gives_up = draft.strike(state)
    lifecycle.send(draft, state.name, event.name, gives_up=gives_up)
    return draft.step()
