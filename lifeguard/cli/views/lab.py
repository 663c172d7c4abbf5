"""What boards share: relay boards and owed outlets, incidents, channels of alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from lifeguard.cli.views.tables import add_line, plain_table
from lifeguard.cli.words import (
    LOOKS,
    RELAY_BOARD_LOOKS,
    ago,
    clock_time,
    folded,
    plural,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rich.console import RenderableType
    from rich.table import Table

    from lifeguard.cli.documents import (
        AlertChannel,
        FailedImage,
        Image,
        Incident,
        Owed,
        RelayBoard,
        RelayBoards,
    )


def relay_boards(lab: RelayBoards, now: datetime) -> Group:
    """A line a relay board, and what is owed to boards."""
    parts: list[RenderableType] = [_relay_board_table(lab.relay_boards, now)]
    if lab.owed:
        count = plural(len(lab.owed), "outlet")
        parts += ["", Text(f"{count} to switch on again", "bold")]
        parts += [_owed_table(lab.owed)]
    return Group(*parts)


def _relay_board_table(lab: Sequence[RelayBoard], now: datetime) -> Table:
    table = plain_table(
        "",
        "RELAY BOARD",
        "STATE",
        "DRIVER",
        "ADDRESS",
        "WAITING",
        "WORKED",
        "WHY",
        "LAST ERROR",
        whole=("", "RELAY BOARD", "STATE"),
        spare=("WHY", "DRIVER", "ADDRESS", "WORKED", "WAITING"),
    )
    for one in lab:
        look = RELAY_BOARD_LOOKS[one.state]
        add_line(
            table,
            Text(look.mark, look.style),
            Text(one.name, look.style),
            Text(one.state, look.style),
            one.driver,
            one.address,
            str(one.waiting),
            "never"
            if one.last_success is None
            else f"{ago(one.last_success, now)} ago",
            one.why or "",
            _error(one, now),
        )
    return table


def _error(ill: RelayBoard | AlertChannel, now: datetime) -> str:
    if ill.last_error is None:
        return ""
    at = ill.last_error_at
    when = "" if at is None else f" ({ago(at, now)} ago)"
    return f"{ill.last_error}{when}"


def _owed_table(owed: Sequence[Owed]) -> Table:
    table = plain_table(
        "OUTLET", "BOARD", "TRIES", "LAST ERROR", whole=("OUTLET", "BOARD")
    )
    for one in owed:
        add_line(table, one.outlet, one.board, str(one.tries), one.last_error or "")
    return table


def incidents(found: Sequence[Incident], now: datetime) -> RenderableType:
    """A line an incident; those that are open stand out."""
    if not found:
        return Text("no incidents")
    table = plain_table(
        "",
        "OPENED",
        "LASTED",
        "CAUSE",
        "BOARDS",
        "TEXT",
        whole=("", "CAUSE"),
        spare=("LASTED", "BOARDS", "OPENED"),
    )
    for one in found:
        look = LOOKS["well" if one.closed else "failed"]
        add_line(
            table,
            Text(look.mark, look.style),
            clock_time(one.opened, now),
            ago(one.opened, one.closed or now),
            Text(f"{one.kind} {one.name}", look.style),
            str(len(one.boards)),
            "; ".join(_incident_words(one)),
        )
    return table


def _incident_words(incident: Incident) -> Iterator[str]:
    yield incident.text
    if incident.failing and incident.closed is None:
        yield f"still failing: {' '.join(folded(incident.failing))}"
    if incident.set_aside:
        yield "set aside until it is released"


def images(found: Sequence[Image], now: datetime) -> RenderableType:
    """A line an image; those that are set aside stand out, and say why."""
    if not found:
        return Text("no images")
    table = plain_table(
        "", "IMAGE", "ROLE", "FOR", "SET ASIDE", whole=("", "IMAGE"), spare=("ROLE",)
    )
    for one in found:
        look = LOOKS["well" if one.failed is None else "failed"]
        aside = "" if one.failed is None else _set_aside(one.failed, now)
        add_line(
            table,
            Text(look.mark, look.style),
            Text(one.name, look.style),
            one.role or "",
            " ".join(one.hardware),
            aside,
        )
    return table


def _set_aside(failed: FailedImage, now: datetime) -> str:
    since = clock_time(failed.since, now)
    return f"since {since}, by incident {failed.incident}: {failed.text}"


def alert_channels(found: Sequence[AlertChannel], now: datetime) -> RenderableType:
    """A line a channel."""
    if not found:
        return Text("no channels: nobody is told but the log")
    table = plain_table(
        "",
        "CHANNEL",
        "KIND",
        "WAITING",
        "SENT",
        "GIVEN UP",
        "LAST ERROR",
        whole=("", "CHANNEL"),
        spare=("KIND", "SENT", "GIVEN UP"),
    )
    for one in found:
        look = LOOKS["busy" if one.works is None else "well" if one.works else "failed"]
        add_line(
            table,
            Text(look.mark, look.style),
            Text(one.name, look.style),
            one.kind,
            str(one.waiting),
            "never" if one.last_sent is None else f"{ago(one.last_sent, now)} ago",
            str(one.failed),
            _error(one, now),
        )
    return table
