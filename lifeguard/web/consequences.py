"""What each event would do to a board, in words: pure, from what is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lifeguard.lifecycle.state import (
    SELF,
    Again,
    Begin,
    Extend,
    Hold,
    Move,
    Note,
    Renew,
    Strike,
    Transition,
)
from lifeguard.model import Standing, Strikes

if TYPE_CHECKING:
    from lifeguard.lifecycle import Lifecycle, State


class Consequence(Struct, frozen=True):
    """What an event would do; `state` is where it leads to, null: nowhere else."""

    event: str
    does: str
    state: str | None = None


def consequences(lifecycle: Lifecycle, standing: Standing) -> list[Consequence]:
    """Every event that the board's state takes, from whoever it comes, by name."""
    state = lifecycle[standing.state]
    strikes = standing.strikes.get(state.name, Strikes(0, 0.0))
    return [
        _consequence(event, transition, state, strikes.count)
        for event, transition in sorted(state.transitions().items())
    ]


def _consequence(
    event: str, transition: Transition, state: State, strikes: int
) -> Consequence:
    match transition:
        case Move(target):
            return Consequence(event, f"enters {target}", target)
        case Strike(retry, after):
            target = state.name if retry == SELF else retry
            return Consequence(event, _strike(state, target, after, strikes), target)
        case Extend():
            total = f"up to {state.total:g} s in all"
            return Consequence(event, f"restarts {state.timeout:g} s, {total}")
        case Begin():
            return Consequence(event, f"the timeout of {state.timeout:g} s begins")
        case Hold():
            return Consequence(event, "the timeout stands still until it goes on")
        case Again():
            return Consequence(event, "orders the same of its power again")
        case Renew():
            return Consequence(event, f"restarts {state.timeout:g} s")
        case Note():
            return Consequence(event, "is noted")


def _strike(state: State, target: str, after: str | None, strikes: int) -> str:
    condition = f"after {after}: " if after is not None else ""
    counted = f"strike {strikes + 1}, {state.attempts} allowed"
    too_many = f", or {state.give_up} if too many" if state.give_up else ""
    return f"{condition}{counted}: enters {target}{too_many}"
