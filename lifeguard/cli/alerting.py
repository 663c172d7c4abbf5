"""The commands about alerts: how their channels are doing, and a try of one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from rich.text import Text

from lifeguard.cli.command import command, group
from lifeguard.cli.documents import AlertChannel, AlertChannels
from lifeguard.cli.exits import Exit
from lifeguard.cli.reading import read
from lifeguard.cli.views.lab import alert_channels

if TYPE_CHECKING:
    from lifeguard.cli.session import Session


@command("alerts")
async def _look(session: Session) -> Exit:
    """By which channels people are told, and whether they work."""
    document = await session.api.get("/alerts")
    if session.as_json:
        session.dump(document)
        return Exit.DONE
    found = read(document, AlertChannels).channels
    session.show(alert_channels(found, session.wall()))
    return Exit.DONE


@command("test")
@click.argument("channel")
async def _test(session: Session, channel: str) -> Exit:
    """Send a message by a channel, now."""
    path = f"/alerts/{quote(channel, safe='')}/test"
    document = await session.api.post(path, {})
    if session.as_json:
        session.dump(document)
        return Exit.DONE
    session.show(Text(f"{read(document, AlertChannel).name} has taken it"))
    return Exit.DONE


alerts = group(_look)
alerts.add_command(_test)
