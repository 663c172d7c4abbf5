"""Times, names and kinds of states in words and colours: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.words import duration as duration
from lifeguard.words import plural as plural

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


def ago(moment: datetime, now: datetime) -> str:
    """How long it has been."""
    return duration((now - moment).total_seconds())


def clock_time(moment: datetime, now: datetime) -> str:
    """The time of day where `now` is read, with the date unless it is today's."""
    there = moment.astimezone(now.tzinfo)
    today = there.date() == now.date()
    return there.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


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
