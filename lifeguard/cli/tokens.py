"""Operators' tokens: `lifeguard tokens list|make|revoke`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from rich.text import Text

from lifeguard.cli.command import command
from lifeguard.cli.documents import NewToken, Operator, Operators
from lifeguard.cli.exits import Exit
from lifeguard.cli.reading import read
from lifeguard.cli.views import tokens as tokens_view

if TYPE_CHECKING:
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
    if session.as_json:
        session.dump(document)
        return Exit.DONE
    operators = read(document, Operators).operators
    session.show(tokens_view.operators(operators, session.wall()))
    return Exit.DONE


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
    if session.as_json:
        session.dump(document)
        return Exit.DONE
    session.show(Text(read(document, NewToken).token))
    return Exit.DONE


@command("revoke")
@click.argument("name")
async def revoke_token(session: Session, *, name: str) -> Exit:
    """Let nobody in by a token any more."""
    path = f"/operators/{quote(name, safe='')}/revoke"
    document = await session.api.post(path, {})
    if session.as_json:
        session.dump(document)
        return Exit.DONE
    session.show(Text(f"{read(document, Operator).name}: revoked"))
    return Exit.DONE


for _command in (list_tokens, make_token, revoke_token):
    tokens.add_command(_command)
