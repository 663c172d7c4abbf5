"""A checked set of states, and the machine they make."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from lifeguard.lifecycle.machine import Core, Machines, give_up
from lifeguard.lifecycle.mistakes import Declared, LifecycleError, mistakes
from lifeguard.lifecycle.state import (
    INTERNAL,
    REQUEST_PREFIX,
    Boots,
    State,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

INITIAL: Final = "New"

_MOST: Final = 10**9
"""Seconds, some thirty years; or strikes."""

Kind = Literal["failed", "busy", "still", "well"]
"""What a state means to whoever looks at a lab.

failed: given up, a person is told; busy: on its way, and timed; still: left alone
until somebody asks for more; well: at the lab's disposal.
"""

FIGURES: Final = ("timeout", "attempts", "total", "wait", "forget")
"""What a lab's inventory may change of a state."""


class Lifecycle:
    """The states a kind of board goes through; every board begins in `New`.

    Raises LifecycleError when a board could hang in it or go round for ever.
    """

    def __init__(self, *kinds: type[State]) -> None:
        names = [kind.__name__ for kind in kinds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise LifecycleError(f"{', '.join(twice)}: two states of one name")
        self._kinds = kinds
        self._declared = {kind.__name__: Declared.of(kind) for kind in kinds}
        if found := list(mistakes(self._declared, INITIAL)):
            raise LifecycleError("; ".join(found))
        self._machines = Machines(self._declared)

    def __eq__(self, other: object) -> bool:
        """Whether the same file, read again, would have made it."""
        if not isinstance(other, Lifecycle):
            return NotImplemented
        return self.states == other.states and all(
            map(_adds_the_same, self._kinds, other._kinds)
        )

    def __hash__(self) -> int:
        return hash(self.states)

    def __contains__(self, state: str) -> bool:
        return state in self._declared

    def __getitem__(self, state: str) -> State:
        return self._declared[state].state

    @property
    def states(self) -> tuple[str, ...]:
        """All names, in the order they were written in."""
        return tuple(self._declared)

    @cached_property
    def requests(self) -> frozenset[str]:
        """Every request that some state accepts."""
        return frozenset(e for e in self._events() if e.startswith(REQUEST_PREFIX))

    @cached_property
    def board_events(self) -> frozenset[str]:
        """Every event that some state accepts from a board."""
        return self._events() - self.requests - INTERNAL

    def transition(self, state: str, event: str) -> Transition | None:
        """What `event` does in `state`; None: it is not accepted there."""
        return self._declared[state].transitions.get(event)

    def accepted(self, state: str) -> list[str]:
        """The events from boards and people that `state` accepts, sorted."""
        if state not in self:
            return []
        return sorted(self._declared[state].transitions.keys() - INTERNAL)

    def wants(self, state: str, what: str) -> bool:
        """Whether entering `state` asks for `what`, such as "cycle_power"."""
        return state in self and what in self._declared[state].wants

    def kind(self, state: str) -> Kind:
        """What being in `state` means."""
        if self.wants(state, "notify"):
            return "failed"
        if self[state].clears:
            return "well"
        return "still" if self[state].steady else "busy"

    def installs(self, state: str) -> bool:
        """Whether a board in `state` is on its way to run the wanted image."""
        return state in self._installing

    def orders_power(self, state: str) -> bool:
        """Whether a board in `state` waits for its power to be cycled or cut."""
        return state in self and self._declared[state].orders_power

    def is_off(self, state: str) -> bool:
        """Whether a board in `state` is to be without power."""
        return state in self and self._declared[state].is_off

    def send(self, core: Core, state: str, event: str, *, gives_up: bool) -> None:
        """Let the machine, standing in `state`, take one declared event."""
        resumable = self._machines[state]
        machine = resumable.machine(core, resumable.state)
        getattr(machine, give_up(event) if gives_up else event)()

    def replace(self, *kinds: type[State]) -> Lifecycle:
        """This lifecycle with states of the same names replaced, others added."""
        by_name = {kind.__name__: kind for kind in (*self._kinds, *kinds)}
        return Lifecycle(*by_name.values())

    def with_figures(self, figures: Mapping[str, Mapping[str, Any]]) -> Lifecycle:
        """This lifecycle with some figures changed: {"Ready": {"timeout": 600}}."""
        for name, changes in figures.items():
            self._check_figures(name, changes)
        return self.replace(
            *(
                type(name, (type(self[name]),), dict(changes))
                for name, changes in figures.items()
            )
        )

    def _check_figures(self, name: str, changes: Mapping[str, Any]) -> None:
        if name not in self:
            raise LifecycleError(f"{name}: no such state")
        for key, value in changes.items():
            if key not in FIGURES:
                raise LifecycleError(
                    f"{name}.{key}: not a figure of a state ({', '.join(FIGURES)})"
                )
            if getattr(self[name], key) is None:
                raise LifecycleError(f"{name}.{key}: this state has none to change")
            kinds: tuple[type, ...] = (int,) if key == "attempts" else (int, float)
            if type(value) not in kinds or not 0 <= value <= _MOST:
                raise LifecycleError(
                    f"{name}.{key}: expected a number from 0 to {_MOST}, got {value!r}"
                )

    def figures(self, state: str) -> dict[str, float | None]:
        """The figures of a state, by the names that an inventory has for them."""
        return {figure: getattr(self[state], figure) for figure in FIGURES}

    @cached_property
    def _installing(self) -> frozenset[str]:
        return frozenset(
            name
            for name, declared in self._declared.items()
            if declared.state.boots is Boots.WANTED
            or "take_wanted_image" in declared.does
        )

    def _events(self) -> frozenset[str]:
        return frozenset(
            event for each in self._declared.values() for event in each.transitions
        )


def _adds_the_same(one: type[State], other: type[State]) -> bool:
    """Each reading of a file makes its own class of a state that it changes."""
    return one is other or (
        one.__bases__ == other.__bases__ and _own(one) == _own(other)
    )


def _own(kind: type[State]) -> dict[str, Any]:
    """What the class itself says, but for what Python says of every class."""
    return {key: value for key, value in vars(kind).items() if key[:2] != "__"}
