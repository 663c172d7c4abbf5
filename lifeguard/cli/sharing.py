"""The commands about what boards share: how it is doing, and setting it right."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from rich.text import Text

from lifeguard.cli import completing
from lifeguard.cli.command import command, group
from lifeguard.cli.documents import Health, Image, Images, RelayBoard, RelayBoards
from lifeguard.cli.views import lab as lab_view
from lifeguard.cli.views.status import polls as polls_view

if TYPE_CHECKING:
    from lifeguard.cli.exits import Exit
    from lifeguard.cli.session import Session


@command("relay-boards")
async def _look_at_relay_boards(session: Session) -> Exit:
    """How the relay boards are doing."""
    document = await session.api.get("/relay-boards")
    now = session.wall()
    return session.answer(
        document, RelayBoards, lambda found: lab_view.relay_boards(found, now)
    )


@command("test")
@click.argument("relay_board", shell_complete=completing.relay_board_names)
async def _test(session: Session, relay_board: str) -> Exit:
    """Test the link to a relay board now; nothing is switched."""
    path = f"/relay-boards/{quote(relay_board, safe='')}/test"
    document = await session.api.post(path, {})
    return session.answer(
        document,
        RelayBoard,
        lambda found: Text(f"{found.name} answers, and is {found.state}"),
    )


@command("images")
async def _look_at_images(session: Session) -> Exit:
    """What boards can be made to run, and what is set aside."""
    document = await session.api.get("/images")
    now = session.wall()
    return session.answer(
        document, Images, lambda found: lab_view.images(found.images, now)
    )


@command("release")
@click.argument("image", shell_complete=completing.images)
async def _release_image(session: Session, image: str) -> Exit:
    """Let boards have an image again that was set aside."""
    path = f"/images/{quote(image, safe='')}/release"
    document = await session.api.post(path, {})
    return session.answer(
        document, Image, lambda found: Text(f"{found.name} can be installed again")
    )


@command("polls")
async def _look_at_polls(session: Session) -> Exit:
    """Whether failures of polls are withheld."""
    document = await session.api.get("/health")
    return session.answer(document, Health, polls_view)


@command("release")
async def _release_polls(session: Session) -> Exit:
    """It is the boards that are ill: have their failures count after all."""
    document = await session.api.post("/health/release", {})
    return session.answer(document, Health, polls_view)


relay_boards = group(_look_at_relay_boards)
relay_boards.add_command(_test)
images = group(_look_at_images)
images.add_command(_release_image)
polls = group(_look_at_polls)
polls.add_command(_release_polls)
