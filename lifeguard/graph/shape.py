"""Where the states of a lifecycle belong on a page: lanes of states that follow.

Moves lead to the right. What a state gives up to belongs below it; strikes, which lead
back, requests, which lead in from everywhere, and detours have no say in the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lifeguard.lifecycle.state import DETOURS, REQUEST_PREFIX, SELF, Move, Strike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lifeguard.lifecycle import Lifecycle

    Leads = Callable[[Lifecycle, str, str], str | None]
    """Where an event leads to from a state, if it does so in a certain way."""

TOO_MANY = "too many strikes"


class Edge(NamedTuple):
    """A way from state to state, and the events that take it."""

    source: str
    target: str
    events: tuple[str, ...]


class Shape(NamedTuple):
    """Each lane is states from left to right, by the column that each is in.

    `requests` are by the state that they lead to.
    """

    lanes: list[dict[int, str]]
    moves: list[Edge]
    strikes: list[Edge]
    failures: dict[str, list[Edge]]
    requests: dict[str, list[str]]


def shape(lifecycle: Lifecycle) -> Shape:
    """The shape of any lifecycle."""
    moves = list(_edges(lifecycle, _move))
    onward = [one for one in moves if lifecycle.kind(one.target) != "failed"]
    failures = [one for one in moves if lifecycle.kind(one.target) == "failed"]
    failures += [
        one._replace(events=(TOO_MANY,)) for one in _edges(lifecycle, _give_up)
    ]
    return Shape(
        _lanes(
            lifecycle, [one for one in onward if not DETOURS.issuperset(one.events)]
        ),
        onward,
        list(_edges(lifecycle, _retry)),
        {
            name: [one for one in failures if one.source == name]
            for name in lifecycle.states
        },
        _requests(lifecycle),
    )


def _edges(lifecycle: Lifecycle, leads: Leads) -> Iterator[Edge]:
    """One edge a pair of states, in the order they were written in."""
    for name in lifecycle.states:
        events: dict[str, list[str]] = {}
        for event in lifecycle[name].transitions():
            target = leads(lifecycle, name, event)
            if target is not None and not event.startswith(REQUEST_PREFIX):
                events.setdefault(target, []).append(event)
        for target, found in events.items():
            yield Edge(name, target, tuple(found))


def _move(lifecycle: Lifecycle, state: str, event: str) -> str | None:
    match lifecycle.transition(state, event):
        case Move(target):
            return target
    return None


def _retry(lifecycle: Lifecycle, state: str, event: str) -> str | None:
    match lifecycle.transition(state, event):
        case Strike(retry):
            return state if retry == SELF else retry
    return None


def _give_up(lifecycle: Lifecycle, state: str, event: str) -> str | None:
    is_strike = isinstance(lifecycle.transition(state, event), Strike)
    return lifecycle[state].give_up if is_strike else None


def _requests(lifecycle: Lifecycle) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for request in sorted(lifecycle.requests):
        for state in lifecycle.states:
            target = _move(lifecycle, state, request)
            if target is not None and request not in found.setdefault(target, []):
                found[target].append(request)
    return found


def _lanes(lifecycle: Lifecycle, moves: list[Edge]) -> list[dict[int, str]]:
    """States that follow one another share a lane; the rest share the last."""
    names = [one for one in lifecycle.states if lifecycle.kind(one) != "failed"]
    onward = _without_loops(names, moves)
    columns = _columns(names, onward)
    entered = {target for targets in onward.values() for target in targets}
    left = dict.fromkeys(names)
    lanes, alone = [], []
    for name in sorted(names, key=lambda one: one in entered):
        if name not in left:
            continue
        lane = [name]
        while following := [one for one in onward[lane[-1]] if one in left]:
            lane.append(following[0])
            del left[lane[-2]]
        del left[lane[-1]]
        if len(lane) == 1 and not onward[name] and name not in entered:
            alone.append(name)
        else:
            lanes.append({columns[one]: one for one in lane})
    return [*lanes, dict(enumerate(alone))] if alone else lanes


def _without_loops(names: list[str], moves: list[Edge]) -> dict[str, list[str]]:
    """Where each state leads to, but for what leads back to where one has been."""
    targets = {name: [e.target for e in moves if e.source == name] for name in names}
    kept: dict[str, list[str]] = {name: [] for name in names}
    visited = set[str]()

    def visit(name: str, path: set[str]) -> None:
        visited.add(name)
        for target in targets[name]:
            if target in path:
                continue
            kept[name].append(target)
            if target not in visited:
                visit(target, path | {target})

    for name in names:
        if name not in visited:
            visit(name, {name})
    return kept


def _columns(names: list[str], onward: dict[str, list[str]]) -> dict[str, int]:
    """Each state is right of all that lead to it."""
    columns = dict.fromkeys(names, 0)
    to_visit = list(names)
    while to_visit:
        name = to_visit.pop()
        for target in onward[name]:
            if columns[target] <= columns[name]:
                columns[target] = columns[name] + 1
                to_visit.append(target)
    return columns
