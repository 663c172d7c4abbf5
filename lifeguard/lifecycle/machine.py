"""Builds a lifecycle into Automat machines.

An input is an event's name; a strike has a second one, since Automat has no guards:
who counts the strikes decides which of the two is sent. Every action ends in one
call of the core, which is the only thing that knows what entering a state means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import new_class
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from automat import TypeMachineBuilder

from lifeguard.lifecycle.state import (
    SELF,
    Again,
    Begin,
    Doing,
    Extend,
    Hold,
    Move,
    State,
    Strike,
    Transition,
)

if TYPE_CHECKING:
    from automat._typed import TypedState, TypeMachine

    from lifeguard.lifecycle.mistakes import Declared


class Core(ABC):
    """The change in the making that a machine works on."""

    @abstractmethod
    def enter(self, state: State, doing: Doing | None) -> None:
        """The board is in `state` from now on; entered anew if it was before."""

    @abstractmethod
    def begin(self, state: State) -> None:
        """What was waited for begins now, and so does the state's timeout."""

    @abstractmethod
    def hold(self) -> None:
        """The state's timeout stands still until what was waited for begins."""

    @abstractmethod
    def begin_again(self) -> None:
        """What had begun has come to nothing: it is ordered once more."""

    @abstractmethod
    def extend(self, state: State) -> None:
        """The state's timeout starts again, within its total."""

    @abstractmethod
    def note(self) -> None:
        """The event is written down, nothing moves."""


Action = Callable[[Any, Core], None]


class Row(NamedTuple):
    """One row of the machine's table."""

    source: str
    input: str
    target: str
    action: Action


def give_up(event: str) -> str:
    """The input that says: too many strikes by this event."""
    return f"{event}/give-up"


class Resumable(NamedTuple):
    """A machine, and the state in which it is taken up."""

    machine: TypeMachine[Any, Core]
    state: TypedState[Any, Core]


class Machines:
    """For each state the machine that takes a step from it.

    Automat looks through all rows of a machine at each event, and a board takes one
    step from where it is saved: so each state's machine has that state's rows alone.
    """

    def __init__(self, states: Mapping[str, Declared]) -> None:
        self._rows: dict[str, list[Row]] = {name: [] for name in states}
        for row in _rows(states):
            self._rows[row.source].append(row)
        names = {row.input for rows in self._rows.values() for row in rows}
        self._inputs = _input_protocol(sorted(names))
        self._built: dict[str, Resumable] = {}

    def __getitem__(self, state: str) -> Resumable:
        if state not in self._built:
            self._built[state] = self._build(state)
        return self._built[state]

    def _build(self, name: str) -> Resumable:
        builder: TypeMachineBuilder[Any, Core] = TypeMachineBuilder(self._inputs, Core)  # type: ignore[type-abstract]
        rows = self._rows[name]
        names = {name, *(row.target for row in rows)}
        typed = {each: builder.state(each) for each in names}
        for row in rows:
            upon = typed[name].upon(getattr(self._inputs, row.input))
            upon.to(typed[row.target])(row.action)
        return Resumable(builder.build(), typed[name])


def _rows(states: Mapping[str, Declared]) -> Iterator[Row]:
    for name, declared in states.items():
        for event, transition in declared.transitions.items():
            for input_name, target, action in _arms(
                event, transition, declared.state, states
            ):
                yield Row(name, input_name, target, action)


def _arms(
    event: str, transition: Transition, state: State, states: Mapping[str, Declared]
) -> Iterator[tuple[str, str, Action]]:
    if isinstance(transition, Move):
        target = transition.target
        yield event, target, _enter(states[target].state, transition.doing)
    elif isinstance(transition, Strike):
        retry = state.name if transition.retry == SELF else transition.retry
        yield event, retry, _enter(states[retry].state)
        if state.give_up is not None:
            yield give_up(event), state.give_up, _enter(states[state.give_up].state)
    elif isinstance(transition, Extend):
        yield event, state.name, lambda _inputs, core: core.extend(state)
    elif isinstance(transition, Hold):
        yield event, state.name, lambda _inputs, core: core.hold()
    elif isinstance(transition, Again):
        yield event, state.name, lambda _inputs, core: core.begin_again()
    elif isinstance(transition, Begin):
        yield event, state.name, lambda _inputs, core: core.begin(state)
    else:
        yield event, state.name, lambda _inputs, core: core.note()


def _enter(state: State, doing: Doing | None = None) -> Action:
    return lambda _inputs, core: core.enter(state, doing)


def _input_protocol(names: list[str]) -> Any:
    """Automat wants the inputs as the methods of a Protocol."""

    def method(name: str) -> Callable[[Any], None]:
        def declared(self: Any) -> None: ...

        declared.__name__ = declared.__qualname__ = name
        return declared

    members = {name: method(name) for name in names}
    return new_class("Inputs", (Protocol,), exec_body=lambda body: body.update(members))
