"""The commands about the inventory: what is in its file, and that it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lifeguard.cli.api import Refused
from lifeguard.cli.command import InOrder, command
from lifeguard.cli.documents import Plan
from lifeguard.cli.exits import Exit
from lifeguard.cli.importing import import_
from lifeguard.cli.reading import read
from lifeguard.cli.session import complain
from lifeguard.cli.views import inventory as inventory_view

if TYPE_CHECKING:
    from lifeguard.cli.documents import Document
    from lifeguard.cli.session import Session


@click.group(cls=InOrder)
def inventory() -> None:
    """What the inventory says, and what has changed in it.

    The daemon reads its own file, on its own machine; it does so, too, when it gets
    SIGHUP.
    """


@command("plan")
async def plan(session: Session) -> Exit:
    """What has changed in the file; what that would do."""
    found = await _asked(session, "plan", {})
    if found is None:
        return Exit.REFUSED
    return session.answer(found, Plan, inventory_view.plan)


@command("apply")
@click.option(
    "--yes", "-y", is_flag=True, help="Yes to all that the plan says needs it."
)
async def apply(session: Session, *, yes: bool) -> Exit:
    """Have the lab go by the file from now on."""
    found = await _asked(session, "plan", {})
    if found is None:
        return Exit.REFUSED
    planned = read(found, Plan)
    if not session.as_json:
        session.show(inventory_view.plan(planned))
    consent = {"yes": yes, "plan": planned.digest}
    done = await _asked(session, "apply", consent)
    if done is None:
        return Exit.REFUSED
    return session.answer(done, Plan, inventory_view.done)


async def _asked(session: Session, what: str, body: Document) -> Document | None:
    """The answer; None: the files have mistakes, each of which is complained of."""
    try:
        return await session.api.post(f"/inventory/{what}", body)
    except Refused as refused:
        mistakes = refused.document.get("mistakes")
        if not isinstance(mistakes, list):
            raise
        for mistake in mistakes:
            complain(str(mistake))
        return None


for _command in (plan, apply, import_):
    inventory.add_command(_command)
