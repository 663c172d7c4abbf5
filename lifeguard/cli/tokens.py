"""Operators' tokens: `lifeguard tokens list|make|revoke`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from rich.text import Text

from lifeguard.cli.command import command
from lifeguard.cli.documents import NewToken, Operator, Operators
from lifeguard.cli.views import tokens as tokens_view

if TYPE_CHECKING:
    from lifeguard.cli.exits import Exit
    from lifeguard.cli.session import Session

_LIFETIME = re.compile("([0-9]{1,5})([hd])")
_SECONDS = {"h": 3600, "d": 86400}


@click.group("tokens")
def tokens() -> None:
    """Who may do what, by tokens of their own.

    `see` looks, `operate` asks something of boards, `admin` puts them into states by
    hand and makes tokens.
    """


@command("list")
async def list_tokens(session: Session) -> Exit:
    """Who has or had a token."""
    document = await session.api.get("/operators")
    now = session.wall()
    return session.answer(
        document, Operators, lambda found: tokens_view.operators(found.operators, now)
    )


def _lifetime(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    if value is None:
        return None
    found = _LIFETIME.fullmatch(value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"expected days or hours like 90d or 12h, got {value}")
    return float(int(found[1]) * _SECONDS[found[2]])


@command("make")
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["see", "operate", "admin"]),
    help="What it is good for.",
)
@click.option(
    "--expires", metavar="90d|12h", callback=_lifetime, help="For how long; for ever."
)
async def make_token(
    session: Session, *, name: str, role: str, expires: float | None
) -> Exit:
    """Make a token; it is shown this once. History says `operator NAME`."""
    body = {"name": name, "role": role, "lifetime": expires}
    document = await session.api.post("/operators", body)
    return session.answer(document, NewToken, lambda found: Text(found.token))


@command("revoke")
@click.argument("name")
async def revoke_token(session: Session, *, name: str) -> Exit:
    """Let nobody in by a token any more."""
    path = f"/operators/{quote(name, safe='')}/revoke"
    document = await session.api.post(path, {})
    return session.answer(
        document, Operator, lambda found: Text(f"{found.name}: revoked")
    )


for _command in (list_tokens, make_token, revoke_token):
    tokens.add_command(_command)
