"""A lifecycle without a picture: in lines for people, as a document for programs.

The lines are each lane from top to bottom, as wide as any terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from lifeguard.cli.words import LOOKS
from lifeguard.graph.notes import notes, stays
from lifeguard.graph.shape import Edge, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.cli.documents import Document
    from lifeguard.graph.shape import Shape
    from lifeguard.lifecycle import Lifecycle


def as_text(lifecycle: Lifecycle) -> Text:
    """The lanes one below the other."""
    drawn = shape(lifecycle)
    lanes = [
        Text("\n").join(_lane(lifecycle, drawn, list(lane.values())))
        for lane in drawn.lanes
    ]
    return Text("\n\n").join(lanes)


def as_document(lifecycle: Lifecycle) -> Document:
    """What is drawn: the states, and each way from one to another.

    Times are in seconds; a state that lasts has no `timeout`.
    """
    drawn = shape(lifecycle)
    failures = [edge for edges in drawn.failures.values() for edge in edges]
    return {
        "states": [_state(lifecycle, name) for name in lifecycle.states],
        "moves": [edge._asdict() for edge in drawn.moves],
        "strikes": [edge._asdict() for edge in drawn.strikes],
        "failures": [edge._asdict() for edge in failures],
        "requests": drawn.requests,
    }


def _state(lifecycle: Lifecycle, name: str) -> Document:
    state = lifecycle[name]
    return {
        "name": name,
        "kind": lifecycle.kind(name),
        "timeout": state.timeout,
        "attempts": state.attempts,
        "boots": state.boots.value,
    }


def _lane(lifecycle: Lifecycle, drawn: Shape, lane: list[str]) -> Iterator[Text]:
    for name, following in zip(lane, [*lane[1:], None], strict=True):
        onward = [move for move in drawn.moves if move.source == name]
        yield _title(lifecycle, drawn, name)
        bar = Text("│ " if onward else "  ", "dim")
        for line in _asides(lifecycle, drawn, name):
            yield bar + line
        for move in sorted(onward, key=lambda move: move.target == following):
            yield _move(lifecycle, move, next_is=following)


def _title(lifecycle: Lifecycle, drawn: Shape, name: str) -> Text:
    title = Text(name, LOOKS[lifecycle.kind(name)].style)
    if figures := ", ".join(notes(lifecycle, name)):
        title.append(f"  {figures}", "dim")
    if requests := drawn.requests.get(name):
        title.append(f"  ◂ {', '.join(requests)}", "bold")
    return title


def _asides(lifecycle: Lifecycle, drawn: Shape, name: str) -> Iterator[Text]:
    for said in stays(lifecycle, name):
        yield Text(said)
    for strike in drawn.strikes:
        if strike.source == name:
            where = "again" if strike.target == name else f"back to {strike.target}"
            yield Text(f"{', '.join(strike.events)}: {where}")
    for failure in drawn.failures[name]:
        line = Text(f"{', '.join(failure.events)}: ")
        yield line.append(failure.target, LOOKS["failed"].style)


def _move(lifecycle: Lifecycle, move: Edge, next_is: str | None) -> Text:
    events = ", ".join(move.events)
    if move.target == next_is:
        return Text(f"▼ {events}")
    line = Text(f"└ {events} ▸ ")
    return line.append(move.target, LOOKS[lifecycle.kind(move.target)].style)
