"""Who has a token, and what it is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from lifeguard.cli.views.tables import add_line, plain_table
from lifeguard.cli.words import LOOKS, ago, clock_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from lifeguard.cli.documents import Operator


def operators(found: Sequence[Operator], now: datetime) -> RenderableType:
    """A line an operator; those whose tokens count no more stand out."""
    if not found:
        return Text("no tokens but that of STATE_DIR/operator.token")
    table = plain_table(
        "",
        "NAME",
        "ROLE",
        "MADE",
        "LAST USED",
        "",
        whole=("NAME", "ROLE"),
        spare=("MADE",),
    )
    for one in found:
        look = LOOKS["well" if one.counts(now) else "failed"]
        add_line(
            table,
            Text(look.mark, look.style),
            one.name,
            one.role,
            clock_time(one.made, now),
            "never" if one.last_used is None else f"{ago(one.last_used, now)} ago",
            _end(one, now),
        )
    return table


def _end(operator: Operator, now: datetime) -> str:
    if operator.revoked is not None:
        return f"revoked {clock_time(operator.revoked, now)}"
    if operator.expires is None:
        return ""
    verb = "expires" if operator.counts(now) else "expired"
    return f"{verb} {clock_time(operator.expires, now)}"
