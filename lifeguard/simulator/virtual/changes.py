"""Whether one committed change is what the lifecycle declares: pure.

Strikes, targets and deadlines are worked out here a second time, from the row of
history and the standing before it, and compared with what the daemon has saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.board import RESUME
from lifeguard.effects import POLICY
from lifeguard.keeper import SET_STATE
from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_HELD,
    CYCLE_STARTED,
    REQUEST_PREFIX,
    SELF,
    TIMEOUT,
    Move,
    Strike,
)
from lifeguard.simulator.virtual.relays import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Change, HistoryRow, Standing

Finding = tuple[int, str]
"""The number of a rule, and what breaks it."""


def judge(
    lifecycle: Lifecycle, before: Standing, change: Change, now: float, excused: bool
) -> Iterator[Finding]:
    """What breaks a rule in a change that was decided at `now` service seconds.

    `excused`: an incident did, by then.
    """
    after, row = change.after, change.row
    if (row.from_state, row.to_state) != (before.state, after.state):
        yield 1, f"the row says {row.from_state} --> {row.to_state}"
    strikes = struck(lifecycle, before, change.row.event)
    counts = strikes and not (excused and lifecycle[before.state].forget is None)
    yield from _judge_target(lifecycle, before, change, counts)
    yield from _judge_strikes(lifecycle, before, change, counts)
    yield from _judge_deadline(lifecycle, after, now)
    yield from _judge_timeout(before, change, now)
    yield from _judge_cycle(lifecycle, before, change)


def is_a_persons(row: HistoryRow) -> bool:
    """Whether somebody's will is behind the event."""
    request = row.event.startswith(REQUEST_PREFIX) and row.source != POLICY
    return row.event == SET_STATE or request


def struck(lifecycle: Lifecycle, before: Standing, event: str) -> bool:
    """Whether the event costs the state it happens in a strike, unless excused."""
    if event == TIMEOUT and _waits(lifecycle, before):
        return False
    transition = lifecycle.transition(before.state, event)
    return isinstance(transition, Strike)


def expected_strikes(
    lifecycle: Lifecycle, before: Standing, change: Change, counts: bool
) -> dict[str, int]:
    """How many strikes each state must have after the change."""
    state = before.state
    if is_a_persons(change.row):
        return {}
    strikes = {name: kept.count for name, kept in before.strikes.items()}
    if counts:
        strikes[state] = _count(lifecycle, before, change)
    if change.after.stay != before.stay and lifecycle[change.after.state].clears:
        return {
            name: count
            for name, count in strikes.items()
            if lifecycle[name].forget is not None
        }
    return strikes


def _judge_target(
    lifecycle: Lifecycle, before: Standing, change: Change, counts: bool
) -> Iterator[Finding]:
    event, target = change.row.event, change.after.state
    if event in (SET_STATE, RESUME):
        return
    transition = lifecycle.transition(before.state, event)
    if transition is None:
        yield 2, f"{event} is not declared in {before.state}, and it moved the board"
    elif target != (expected := _target(lifecycle, before, change, counts)):
        yield 4, f"{event} should lead to {expected}"


def _target(
    lifecycle: Lifecycle, before: Standing, change: Change, counts: bool
) -> str | None:
    state, event = lifecycle[before.state], change.row.event
    transition = lifecycle.transition(before.state, event)
    if isinstance(transition, Move):
        return transition.target
    if not isinstance(transition, Strike):
        return before.state
    if not struck(lifecycle, before, event):
        return state.give_up
    if counts and _count(lifecycle, before, change) > state.attempts:
        return state.give_up
    return before.state if transition.retry == SELF else transition.retry


def _judge_strikes(
    lifecycle: Lifecycle, before: Standing, change: Change, counts: bool
) -> Iterator[Finding]:
    expected = expected_strikes(lifecycle, before, change, counts)
    saved = {name: strikes.count for name, strikes in change.after.strikes.items()}
    if saved != expected:
        yield 4, f"strikes {saved}, the history tells {expected}"
    if struck(lifecycle, before, change.row.event) and change.after.stay == before.stay:
        yield 4, "a strike, and the state was not entered anew"


def _judge_deadline(
    lifecycle: Lifecycle, after: Standing, now: float
) -> Iterator[Finding]:
    state = lifecycle[after.state]
    if state.steady:
        return
    if after.deadline is None:
        yield 4, f"{after.state} is not steady and has no deadline"
        return
    assert state.timeout is not None
    longest = max(state.timeout, state.wait if _waits(lifecycle, after) else 0.0)
    end = now + longest
    if CYCLE_HELD in after.noted:
        end = max(end, after.entered + PATIENCE_SECONDS)
    if after.deadline > end:
        yield 4, f"{after.state} ends in {after.deadline - now:g} s, not {longest:g}"
    if state.total is not None and after.deadline > after.entered + state.total:
        yield 4, f"{after.state} may last longer than its total of {state.total:g} s"


def _judge_timeout(before: Standing, change: Change, now: float) -> Iterator[Finding]:
    if change.row.event != TIMEOUT:
        return
    if before.deadline is None or now < before.deadline:
        yield 5, f"timeout at {now:.3f} service seconds, deadline {before.deadline}"


def _judge_cycle(
    lifecycle: Lifecycle, before: Standing, change: Change
) -> Iterator[Finding]:
    after, entered = change.after, change.after.stay != before.stay
    ordered = after.generation != before.generation
    wants, is_off = lifecycle.orders_power(after.state), lifecycle.is_off(after.state)
    if wants and entered and not ordered:
        yield 5, f"{after.state} was entered, and it ordered nothing of power"
    if ordered and not (wants or is_off):
        yield 2, f"{after.state} ordered something of power"
    if ordered and after.generation != before.generation + 1:
        yield 6, f"generation {before.generation} is followed by {after.generation}"
    if change.row.event == RESUME and not ordered:
        yield 6, "a cycle taken up again is no new generation"
    if ordered and not change.owed:
        yield 6, "a power cycle was ordered, and no outlet is owed"
    if entered and is_off and not change.owed:
        yield 6, f"{after.state} is without power, and no outlet is owed"
    if lifecycle.is_off(before.state) and not is_off and not change.owed:
        yield 6, f"{before.state} was left, and no outlet is owed"


def _waits(lifecycle: Lifecycle, standing: Standing) -> bool:
    wants = lifecycle.orders_power(standing.state)
    return wants and not {CYCLE_STARTED, CYCLE_FAILED} & set(standing.noted)


def _count(lifecycle: Lifecycle, before: Standing, change: Change) -> int:
    """The strikes of the state before, after one more; it may have forgotten."""
    state = before.state
    old, forget = before.strikes.get(state), lifecycle[state].forget
    if old is None:
        return 1
    new = change.after.strikes.get(state, old)
    rested = new.last - old.last
    if isinstance(lifecycle.transition(state, TIMEOUT), Strike):
        rested = before.entered - old.last
    forgotten = forget is not None and rested > forget
    return 1 if forgotten else old.count + 1
