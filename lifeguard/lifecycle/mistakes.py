"""What a lifecycle must hold so that no board can hang or be cycled for ever.

Each check yields mistakes in words. Requests are exempt everywhere: they are
somebody's will.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_HELD,
    CYCLE_OK,
    CYCLE_STARTED,
    CYCLE_VOID,
    POWER_OFF,
    POWER_OFF_OK,
    REQUEST_PREFIX,
    SELF,
    TIMEOUT,
    Again,
    Begin,
    Extend,
    Hold,
    Move,
    Renew,
    State,
    Strike,
    Transition,
)

_STATE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_EVENT_NAME = re.compile(r"[a-z][a-z0-9-]*")


class LifecycleError(Exception):
    """A lifecycle that must not manage a board; its text names every mistake."""


class Recorder:
    """Hears what an entry wants, so that a check can know it without a board."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()

    def cycle_power(self) -> None:
        self.wanted.add("cycle_power")

    def power_off(self) -> None:
        self.wanted.add("power_off")

    def keep_off(self) -> None:
        self.wanted.add("keep_off")

    def poll(self) -> None:
        self.wanted.add("poll")

    def notify(self) -> None:
        self.wanted.add("notify")

    def take_wanted_image(self) -> None:
        self.wanted.add("take_wanted_image")

    def lose_image(self) -> None:
        self.wanted.add("lose_image")

    def want_requested_image(self) -> None:
        self.wanted.add("want_requested_image")


class Declared(NamedTuple):
    """A state with all that has been declared of it."""

    state: State
    transitions: dict[str, Transition]
    wants: frozenset[str]

    @classmethod
    def of(cls, kind: type[State]) -> Declared:
        state, recorder = kind(), Recorder()
        state.entry(recorder)
        return cls(state, kind.transitions(), frozenset(recorder.wanted))

    @property
    def does(self) -> frozenset[str]:
        """What its transitions want on their way."""
        recorder = Recorder()
        for transition in self.transitions.values():
            if isinstance(transition, Move) and transition.doing is not None:
                transition.doing(recorder)
        return frozenset(recorder.wanted)

    @property
    def orders_power(self) -> bool:
        """Whether it waits for relay boards to do what it has ordered."""
        return bool(self.wants & {"cycle_power", "power_off"})

    @property
    def is_off(self) -> bool:
        """Whether the board is to be without power."""
        return bool(self.wants & {"power_off", "keep_off"})


class Edge(NamedTuple):
    """A way from state to state, other than a request."""

    source: str
    target: str
    counted: bool


States = Mapping[str, Declared]


def mistakes(states: States, initial: str) -> Iterator[str]:
    """Everything that is wrong; the graph is looked at only when its nodes are."""
    single = [text for each in states.values() for text in _state(each, states)]
    yield from single or _graph(states, initial)


def _state(declared: Declared, states: States) -> Iterator[str]:
    state = declared.state
    for text in (
        *_names(declared),
        *_targets(declared, states),
        *_time(declared),
        *_counting(declared),
        *_forgetting(declared, states),
        *_actions(declared),
        *_power(declared),
    ):
        yield f"{state.name}: {text}"


def _names(declared: Declared) -> Iterator[str]:
    if not _STATE_NAME.fullmatch(declared.state.name):
        yield "a state's name is a capital letter, then letters and digits"
    for event in declared.transitions:
        if not _EVENT_NAME.fullmatch(event):
            yield f"{event!r} is no event's name: small letters, digits and hyphens"


def _targets(declared: Declared, states: States) -> Iterator[str]:
    for event, transition in declared.transitions.items():
        for target in targets(declared.state, transition):
            if target not in states:
                yield f"{event} leads to {target}, which is no state"
            elif states[target].state.by_hand:
                yield f"{event} leads to {target}, which is reached only by hand"


def _time(declared: Declared) -> Iterator[str]:
    state, transitions = declared.state, declared.transitions
    kinds = {type(transition) for transition in transitions.values()}
    if state.steady:
        if state.timeout is not None or TIMEOUT in transitions:
            yield "a steady state has no timeout"
        return
    if state.timeout is None or state.timeout <= 0:
        yield "it is not steady and needs a timeout above 0"
    timeout = transitions.get(TIMEOUT)
    if not isinstance(timeout, Strike | Renew):
        yield "its timeout must be a strike, or RENEW where polls watch over it"
    if isinstance(timeout, Strike) and timeout.after is not None:
        yield "its timeout must be a strike whatever was noted before"
    if Renew in kinds and not ("poll" in declared.wants and state.clears):
        yield "RENEW is for a state that polls and clears the strikes of others"
    if Renew in kinds and declared.orders_power:
        yield "RENEW would let it wait for its power cycle for ever"
    if Extend in kinds and (state.total is None or state.total < (state.timeout or 0)):
        yield "EXTEND needs a total that is not below the timeout"


def _counting(declared: Declared) -> Iterator[str]:
    state = declared.state
    if any(isinstance(each, Strike) for each in declared.transitions.values()):
        if state.give_up is None:
            yield "it counts strikes and needs a state to give up to"
        if state.attempts < 0:
            yield "its attempts must not be below 0"


def _forgetting(declared: Declared, states: States) -> Iterator[str]:
    """A strike that is forgotten sooner than a board can be back counts nothing.

    What has no bound here (retries, a relay board's patience, what is excused) needs
    none: on the way back no time to forget passes.
    """
    forget, once = (
        declared.state.forget,
        sum(_longest(each) for each in states.values()),
    )
    if forget is not None and forget <= once:
        yield f"forget must be above {once:g}, the seconds that all states may last"


def _longest(declared: Declared) -> float:
    state = declared.state
    if state.steady:
        return 0
    stay = max(state.timeout or 0, state.total or 0)
    return stay + state.wait if declared.orders_power else stay


_POWER = {"cycle_power", "power_off", "keep_off"}
_LASTING = _POWER | {"poll", "notify"}


def _actions(declared: Declared) -> Iterator[str]:
    """What is done on the way is not taken up at a restart, so it must be brief."""
    for event, transition in declared.transitions.items():
        if not isinstance(transition, Move) or transition.doing is None:
            continue
        recorder = Recorder()
        transition.doing(recorder)
        if lasting := sorted(recorder.wanted & _LASTING):
            yield f"{event} does {', '.join(lasting)}, which is for a state's entry"
        asked = "want_requested_image" in recorder.wanted
        if asked and not event.startswith(REQUEST_PREFIX):
            yield f"{event} is no request, and names no image to want"


_CYCLE_TRANSITIONS: dict[str, type[Transition]] = {
    CYCLE_STARTED: Begin,
    CYCLE_FAILED: Begin,
    CYCLE_HELD: Hold,
    CYCLE_VOID: Again,
}


def _power(declared: Declared) -> Iterator[str]:
    transitions, wants = declared.transitions, sorted(declared.wants & _POWER)
    if len(wants) > 1:
        yield f"{' and '.join(wants)} contradict each other"
    if declared.state.idle and POWER_OFF not in transitions:
        yield f"a board is idle in it, so it must take {POWER_OFF}"
    if not declared.orders_power:
        return
    if declared.state.steady:
        yield "a steady state cannot wait for a power cycle"
    for event, kind in _CYCLE_TRANSITIONS.items():
        if not isinstance(transitions.get(event), kind):
            yield f"it switches power, so {event} must be {kind.__name__.upper()}"
    done = CYCLE_OK if "cycle_power" in wants else POWER_OFF_OK
    if not isinstance(transitions.get(done), Move):
        yield f"it switches power, so {done} must lead on"
    if declared.state.wait <= 0:
        yield "its wait must be above 0"


def targets(state: State, transition: Transition) -> Iterator[str]:
    """The names of the states that a transition can enter."""
    if isinstance(transition, Move):
        yield transition.target
    if isinstance(transition, Strike):
        yield state.name if transition.retry == SELF else transition.retry
        if state.give_up is not None:
            yield state.give_up


def _graph(states: States, initial: str) -> Iterator[str]:
    yield from _unreachable(states, initial)
    clearing = {name for name, each in states.items() if each.state.clears}
    edges = list(_edges(states))
    lasting = {name for name, each in states.items() if each.state.forget is not None}
    yield from _uncounted(
        [e for e in edges if not e.counted and not {e.source, e.target} & clearing],
        "is never counted: a board could go round it for ever",
    )
    yield from _uncounted(
        [e for e in edges if not (e.counted and e.source in lasting)],
        "forgets its strikes on the way: it needs a count that forgets only by time",
        through=clearing,
    )


def _edges(states: States) -> Iterator[Edge]:
    for name, declared in states.items():
        for event, transition in declared.transitions.items():
            if event.startswith(REQUEST_PREFIX):
                continue
            counted = isinstance(transition, Strike)
            for target in targets(declared.state, transition):
                yield Edge(name, target, counted and target != declared.state.give_up)


def _unreachable(states: States, initial: str) -> Iterator[str]:
    if initial not in states:
        yield f"{initial}: a lifecycle begins in this state, which it lacks"
        return
    reached, to_visit = set[str](), {initial}
    while to_visit:
        reached |= to_visit
        to_visit = {
            target
            for name in to_visit
            for transition in states[name].transitions.values()
            for target in targets(states[name].state, transition)
        } - reached
    for name, declared in states.items():
        if name not in reached and not declared.state.by_hand:
            # A state that a person reaches by hand may lead to others.
            yield f"{name}: no way leads to this state, and it is not by_hand"


def _uncounted(
    edges: list[Edge], reason: str, through: set[str] | None = None
) -> Iterator[str]:
    for loop in _loops(edges, through):
        yield f"{' -> '.join(loop)} {reason}"


def _loops(edges: list[Edge], through: set[str] | None) -> Iterator[list[str]]:
    """One loop of all edges, or one through each of the given states."""
    if through is None:
        sorter = TopologicalSorter[str]()
        for edge in edges:
            sorter.add(edge.target, edge.source)
        try:
            sorter.prepare()
        except CycleError as error:
            yield error.args[1]
        return
    for name in sorted(through):
        if (way := _way(edges, name)) is not None:
            yield way


def _way(edges: list[Edge], home: str) -> list[str] | None:
    """A shortest way from a state back to itself."""
    ways = [[home]]
    seen = set[str]()
    for way in ways:
        for edge in edges:
            if edge.source != way[-1] or edge.target in seen:
                continue
            if edge.target == home:
                return [*way, home]
            seen.add(edge.target)
            ways.append([*way, edge.target])
    return None
