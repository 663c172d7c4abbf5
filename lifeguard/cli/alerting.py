"""The commands about alerts: how their channels are doing, and a try of one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from rich.text import Text

from lifeguard.cli.command import command, group
from lifeguard.cli.documents import AlertChannel, AlertChannels
from lifeguard.cli.views.lab import alert_channels

if TYPE_CHECKING:
    from lifeguard.cli.exits import Exit
    from lifeguard.cli.session import Session


@command("alerts")
async def _look(session: Session) -> Exit:
    """By which channels people are told, and whether they work."""
    document = await session.api.get("/alerts")
    now = session.wall()
    return session.answer(
        document, AlertChannels, lambda found: alert_channels(found.channels, now)
    )


@command("test")
@click.argument("channel")
async def _test(session: Session, channel: str) -> Exit:
    """Send a message by a channel, now."""
    path = f"/alerts/{quote(channel, safe='')}/test"
    document = await session.api.post(path, {})
    return session.answer(
        document, AlertChannel, lambda found: Text(f"{found.name} has taken it")
    )


alerts = group(_look)
alerts.add_command(_test)
