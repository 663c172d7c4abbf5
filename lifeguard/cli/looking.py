"""The commands that look and change nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lifeguard.cli import completing
from lifeguard.cli.actions import board_path
from lifeguard.cli.command import boards, command
from lifeguard.cli.documents import (
    Board,
    BoardDetail,
    Health,
    History,
    Incidents,
    RelayBoards,
    Row,
)
from lifeguard.cli.exits import Exit
from lifeguard.cli.live import follow
from lifeguard.cli.reading import read
from lifeguard.cli.selection import Selection, select
from lifeguard.cli.together import together
from lifeguard.cli.views import board as board_view
from lifeguard.cli.views import history as history_view
from lifeguard.cli.views import lab as lab_view
from lifeguard.cli.views import status as status_view
from lifeguard.cli.watching import Watching

if TYPE_CHECKING:
    from lifeguard.cli.session import Session

RECENT_ROWS = 8
"""Of a board's history, where the board is shown."""


@command("status")
@boards()
@click.option("--long", "-l", is_flag=True, help="A line for each board.")
async def status(session: Session, selection: Selection, *, long: bool) -> Exit:
    """The lab by state, the worst first."""
    documents = await select(session.api, selection)
    if session.as_json:
        session.dump({"boards": documents, "next": None})
        return Exit.DONE
    listed = [read(document, Board) for document in documents]
    view = status_view.by_board if long else status_view.by_state
    session.show(view(listed, session.wall()))
    lab = read(await session.api.get("/relay-boards"), RelayBoards)
    health = read(await session.api.get("/health"), Health)
    for trouble in status_view.troubles(lab, health):
        session.show(trouble)
    return Exit.DONE


@command("show")
@click.argument("board", shell_complete=completing.board_names)
async def show(session: Session, board: str) -> Exit:
    """Why a board is where it is; what happens next."""
    document = await session.api.get(board_path(board))
    if session.as_json:
        session.dump(document)
        return Exit.DONE
    session.show(board_view.show(read(document, BoardDetail), session.wall()))
    # Shown last, as it is what there may be none of: it is asked of the database.
    past = await session.api.get(board_path(board, "history"), limit=RECENT_ROWS)
    rows = [read(row, Row) for row in read(past, History).history]
    session.show(board_view.past(rows, session.wall()))
    return Exit.DONE


@command("watch")
@boards()
async def watch(session: Session, selection: Selection) -> Exit:
    """Every change as it happens, until Ctrl-C."""
    watching = Watching(session)
    watching.stand(await select(session.api, selection))
    with session.live(watching.view):
        await follow(session.api, selection, watching)


@command("history")
@boards()
@click.option(
    "--limit", "-n", default=20, type=click.IntRange(1, 1000), show_default=True
)
async def history(session: Session, selection: Selection, limit: int) -> Exit:
    """What happened to the boards, the newest last."""
    listed = [board["name"] for board in await select(session.api, selection)]
    asked = (
        partial(session.api.get, board_path(name, "history"), limit=limit)
        for name in listed
    )
    pasts = [read(past, History).history[::-1] for past in await together(asked)]
    rows = [(document, read(document, Row)) for past in pasts for document in past]
    newest = sorted(rows, key=lambda row: row[1].last or row[1].at)[-limit:]
    if session.as_json:
        documents = [document for document, _ in newest[::-1]]
        session.dump({"history": documents, "next": None})
        return Exit.DONE
    shown = [row for _, row in newest]
    session.show(history_view.history(shown, session.wall(), named=len(listed) != 1))
    return Exit.DONE


@command("incidents")
async def incidents(session: Session) -> Exit:
    """What many boards suffered from together."""
    document = await session.api.get("/incidents")
    now = session.wall()
    return session.answer(
        document, Incidents, lambda found: lab_view.incidents(found.incidents, now)
    )
