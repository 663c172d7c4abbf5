"""Times, names and kinds of states in words and colours: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from lifeguard.lifecycle import Kind

_NUMBERED = re.compile(r"(.*?)(\d+)")


class Look(NamedTuple):
    """How boards of a kind of state are shown; `words` say how they are."""

    mark: str
    style: str
    words: str


LOOKS: dict[Kind | None, Look] = {
    "failed": Look("✗", "bold red", "failed"),
    None: Look("?", "magenta", "unknown"),
    "busy": Look("▸", "yellow", "at work"),
    "still": Look("■", "cyan", "left alone"),
    "well": Look("✓", "green", "well"),
}
"""The worst first; a mark of its own each, for whoever sees no colours."""

RELAY_BOARD_LOOKS = {
    "Broken": LOOKS["failed"],
    "Suspect": LOOKS[None],
    "Working": LOOKS["well"],
}

RANK = {kind: place for place, kind in enumerate(LOOKS)}


def duration(seconds: float) -> str:
    """Two units at most: `42 s`, `3 min 20 s`, `2 h 4 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    for name, size, below, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def ago(moment: datetime, now: datetime) -> str:
    """How long it has been."""
    return duration((now - moment).total_seconds())


def clock_time(moment: datetime, now: datetime) -> str:
    """The time of day where `now` is read, with the date unless it is today's."""
    there = moment.astimezone(now.tzinfo)
    today = there.date() == now.date()
    return there.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


def plural(count: int, word: str) -> str:
    """`1 board`, `2 boards`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def folded(names: Iterable[str]) -> list[str]:
    """Names in order; three or more that count up become `sim-01…sim-07`."""
    return [word for run in _runs(sorted(names)) for word in _shown(run)]


def _shown(run: Sequence[str]) -> list[str]:
    return [f"{run[0]}…{run[-1]}"] if len(run) > 2 else list(run)


def _runs(names: Iterable[str]) -> Iterator[list[str]]:
    run: list[str] = []
    for name in names:
        if run and name != _successor(run[-1]):
            yield run
            run = []
        run.append(name)
    if run:
        yield run


def _successor(name: str) -> str | None:
    """The name that counts on; None: it has no number at its end."""
    found = _NUMBERED.fullmatch(name)
    if found is None:
        return None
    stem, digits = found.groups()
    return f"{stem}{int(digits) + 1:0{len(digits)}d}"
