"""One board: why it is where it is, and what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from lifeguard.cli.views.history import history
from lifeguard.cli.views.tables import (
    add_line,
    facts_table,
    mark,
    plain_table,
    state_text,
)
from lifeguard.cli.words import ago, clock_time, duration
from lifeguard.lifecycle.state import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rich.console import RenderableType
    from rich.table import Table

    from lifeguard.cli.documents import BoardDetail, OpenIncident, Row


def show(board: BoardDetail, now: datetime) -> Group:
    """All that an admin asks of a board, but for its past."""
    title = Text(f"{board.name}  ", "bold").append(mark(board.kind)).append(" ")
    parts: list[RenderableType] = [title.append(state_text(board.state, board.kind))]
    parts += [_facts(board, now)]
    if board.next:
        parts += ["", Text("What each event would do", "bold"), _next(board)]
    return Group(*parts)


def past(rows: Sequence[Row], now: datetime) -> Group:
    """The newest rows of its history, if it has any."""
    if not rows:
        return Group()
    title = Text("What happened last", "bold")
    return Group("", title, history(rows, now, named=False))


def _facts(board: BoardDetail, now: datetime) -> Table:
    table = facts_table()
    for name, value in _named_facts(board, now):
        table.add_row(f"  {name}", value)
    return table


def _named_facts(board: BoardDetail, now: datetime) -> Iterator[tuple[str, str]]:
    since = f"{clock_time(board.since, now)}, {ago(board.since, now)} ago"
    yield "since", since
    if board.came is not None:
        yield "because", _cause(board.came)
    yield "next", _deadline(board, now)
    if board.incident is not None:
        yield "incident", _incident(board.incident)
    for state, count in sorted(board.strikes.items()):
        allowed = "?" if count.allowed is None else count.allowed
        yield "strikes", f"{count.count} of {allowed} allowed in {state}"
    yield "generation", f"{board.generation}, as many as power cycles ordered"
    yield "image", _image(board)
    yield "boots now", _boots(board)
    if board.progress is not None:
        yield "last boot", board.progress.summary
    if board.request is not None:
        image = f" {board.request.image}" if board.request.image else ""
        yield "request", f"{board.request.event}{image}"
    yield "hardware", board.hardware or "not in the inventory any more"
    reached = [part for part in (board.address, board.mac) if part]
    yield "address", ", ".join(reached) or "unknown"
    yield "power", ", ".join(board.power) or "none: nothing can reboot it"
    for owed in board.owed:
        yield "owed", f"{owed.outlet} must be on again, {owed.tries} tries failed"
    if board.poll_withheld:
        yield "polls", "it answers none, and neither do so many that nobody is told"


def _cause(came: Row) -> str:
    reason = f": {came.reason}" if came.reason else ""
    where = "" if came.from_state == came.to_state else f" in {came.from_state}"
    return f"{came.event}{where}, by {came.source}{reason}"


def _incident(incident: OpenIncident) -> str:
    excused = "; its strikes do not count" if incident.excuses else ""
    return f"{incident.id}: {incident.text}{excused}"


def _deadline(board: BoardDetail, now: datetime) -> str:
    if board.waits_for_power:
        return "its relay board has others to serve first"
    if board.deadline is None or board.seconds_left is None:
        return "nothing by itself: it waits for an event or a request"
    left, at = duration(board.seconds_left), clock_time(board.deadline, now)
    then = [f": {one.does}" for one in board.next if one.event == TIMEOUT]
    return f"timeout in {left}, at {at}{''.join(then)}"


def _image(board: BoardDetail) -> str:
    wanted = board.wanted_image
    there = board.image or "nobody knows what is on the disk"
    return there if wanted in (None, board.image) else f"{there}; {wanted} is wanted"


def _boots(board: BoardDetail) -> str:
    match board.boots.what:
        case "image":
            return f"the image {board.boots.image}"
        case "disk":
            return "its disk"
        case "nothing":
            return f"nothing: {board.boots.reason}"
        case "not-ours":
            return "what others say: it is not lifeguard's"


def _next(board: BoardDetail) -> Table:
    table = plain_table("EVENT", "WHAT IT WOULD DO", whole=("EVENT",))
    table.show_header = False
    for consequence in board.next:
        add_line(table, f"  {consequence.event}", consequence.does)
    return table
