"""The lab as it changes: a line a change, and on a terminal the lab's state below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from lifeguard.cli.documents import Board, Streamed
from lifeguard.cli.reading import read
from lifeguard.cli.session import complain
from lifeguard.cli.views.history import change_line
from lifeguard.cli.views.status import by_state
from lifeguard.cli.words import LOOKS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lifeguard.cli.documents import Document
    from lifeguard.cli.session import Session


class Watching:
    """Hears of boards, and shows what it hears."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._boards: dict[str, Board] = {}
        self._heard_at: dict[str, float] = {}
        self._trouble = ""
        self._heard: list[Text] = []
        """Changes that the next `view` shows; each by itself would draw all anew."""

    def stand(self, boards: list[Document]) -> None:
        self._trouble = ""
        self._boards.clear()
        for board in boards:
            self._take(read(board, Board))

    def change(self, streamed: Document) -> None:
        if self._session.as_json:
            self._session.dump(streamed)
            return
        heard = read(streamed, Streamed)
        style = LOOKS[heard.board.kind].style
        line = change_line(heard, self._session.wall(), style)
        if self._session.out.is_terminal:
            self._heard.append(line)
        else:
            self._session.show(line)
        self._take(heard.board)

    def lost(self, reason: str) -> None:
        """On a terminal it stays in view; elsewhere it is a line."""
        if not self._session.out.is_terminal and not self._trouble:
            complain(reason)
        self._trouble = reason

    def view(self) -> RenderableType:
        """The lab now, below what has changed since the last time."""
        if self._heard:
            self._session.show(Text("\n").join(self._heard))
            self._heard.clear()
        now = self._session.api.clock.seconds()
        boards = [
            board.later(now - self._heard_at[name])
            for name, board in self._boards.items()
        ]
        table = by_state(boards, self._session.wall())
        if not self._trouble:
            return Group("", table)
        return Group("", table, Text(self._trouble, LOOKS["failed"].style))

    def _take(self, board: Board) -> None:
        known = self._boards.get(board.name)
        if known is None or known.version < board.version:
            self._boards[board.name] = board
            self._heard_at[board.name] = self._session.api.clock.seconds()
