"""A lifecycle in lines: each lane from top to bottom, as wide as any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from lifeguard.cli.words import LOOKS
from lifeguard.graph.notes import notes, stays
from lifeguard.graph.shape import Edge, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

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
