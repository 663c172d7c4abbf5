"""Waiting for boards: how far each has come, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.progress_bar import ProgressBar
from rich.text import Text
from twisted.internet.defer import Deferred

from lifeguard.cli.documents import Accepted, Board, Row
from lifeguard.cli.exits import Exit
from lifeguard.cli.reading import read
from lifeguard.cli.views.status import strikes
from lifeguard.cli.views.tables import plain_table, state_text
from lifeguard.cli.words import LOOKS, duration
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.lifecycle.state import DETOURS, REQUEST_PREFIX, Move

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.table import Table
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.cli.documents import Document
    from lifeguard.lifecycle import Lifecycle

BAR_CELLS = 20


class Wait:
    """One board that is waited for; `board` is where it is known to stand.

    Until something is known, `document` is how the request was accepted.
    """

    def __init__(self, way: list[str], accepted: Document) -> None:
        self.board: Board | None = None
        self.document = accepted
        self.reason = ""
        self.heard_at = 0.0
        self._way = way
        self.share = 0.0
        """How far it has come, from 0 to 1: by the states that usually follow."""

    @property
    def state(self) -> str:
        """The last that was heard of; raises Strange."""
        return read(self.document, Accepted).state

    @property
    def is_over(self) -> bool:
        """It is on its way no more."""
        return self.board is not None and self.board.kind != "busy"

    @property
    def status(self) -> Exit:
        """How the wait ended, or would end now."""
        if self.board is None or self.board.kind in ("failed", "busy", None):
            return Exit.NOT_REACHED
        return Exit.DONE

    def stands(self, document: Document, reason: str, now: float) -> None:
        """Take note, unless something newer is known."""
        board = read(document, Board)
        if self.board is not None and board.version <= self.board.version:
            return
        self.board, self.document, self.reason = board, document, reason
        self.heard_at = now
        if board.state in self._way:
            self.share = self._way.index(board.state) / len(self._way)


def usual_way(lifecycle: Lifecycle, request: str) -> list[str]:
    """The states from a request to the first that lasts, if nothing goes wrong.

    Empty for a request that the lifecycle does not know.
    """
    ways = [[target] for target in _first_states(lifecycle, request)]
    for way in ways:
        if lifecycle.kind(way[-1]) != "busy":
            return way
        ways += [[*way, state] for state in _next(lifecycle, way[-1], way)]
    return []


def _first_states(lifecycle: Lifecycle, request: str) -> list[str]:
    moves = (lifecycle.transition(state, request) for state in lifecycle.states)
    return list(dict.fromkeys(one.target for one in moves if isinstance(one, Move)))


def _next(lifecycle: Lifecycle, state: str, way: list[str]) -> Iterator[str]:
    for event, transition in lifecycle[state].transitions().items():
        if not isinstance(transition, Move) or event in DETOURS:
            continue
        if event.startswith(REQUEST_PREFIX):
            continue
        if (
            transition.target not in way
            and lifecycle.kind(transition.target) != "failed"
        ):
            yield transition.target


class Waiting:
    """Boards that are waited for; `over` fires when none is on its way any more.

    `accepted` is what the daemon answered of each; `said` hears how each ended.
    """

    def __init__(
        self,
        accepted: Mapping[str, Document],
        request: str,
        clock: IReactorTime,
        said: Callable[[Text], None],
    ) -> None:
        way = usual_way(LIFECYCLE, request)
        self.waits = {name: Wait(way, how) for name, how in accepted.items()}
        self.over: Deferred[None] = Deferred()
        self._clock, self._began, self._said = clock, clock.seconds(), said
        self._trouble = ""

    @property
    def status(self) -> Exit:
        """The worst of all boards."""
        return max(wait.status for wait in self.waits.values())

    def stand(self, boards: list[Document]) -> None:
        self._trouble = ""
        for board in boards:
            self._stands(board, "")

    def change(self, streamed: Document) -> None:
        row = read(streamed["change"], Row)
        because = f"{row.event}: {row.reason}" if row.reason else row.event
        self._stands(streamed["board"], because)

    def lost(self, reason: str) -> None:
        self._trouble = reason

    def give_up(self) -> None:
        """Say of those that are still on their way that they took too long."""
        for name, wait in self.waits.items():
            if not wait.is_over:
                self._said(self._line(name, wait, "took too long"))

    def view(self, height: int) -> Table:
        """A bar for each board that is on its way, as many as the height allows."""
        table = plain_table("", "", "", "", "", "")
        table.show_header = False
        going = [(name, wait) for name, wait in self.waits.items() if not wait.is_over]
        most = max(1, height - 2)
        for name, wait in going[:most]:
            table.add_row(name, *_bar(wait, self._clock.seconds()))
        if len(going) > most:
            table.add_row(f"and {len(going) - most} more")
        if self._trouble:
            table.add_row(Text(self._trouble, LOOKS["failed"].style))
        return table

    def documents(self) -> list[Document]:
        """Where each board stood last, or how its request was accepted."""
        return [wait.document for wait in self.waits.values()]

    def _stands(self, board: Document, reason: str) -> None:
        wait = self.waits.get(board["name"])
        if wait is None or wait.is_over:
            return
        wait.stands(board, reason, self._clock.seconds())
        if wait.is_over:
            self._said(self._line(board["name"], wait, wait.reason))
        if all(each.is_over for each in self.waits.values()) and not self.over.called:
            self.over.callback(None)

    def _line(self, name: str, wait: Wait, reason: str) -> Text:
        kind = None if wait.board is None else wait.board.kind
        failed = wait.status != Exit.DONE
        look = LOOKS["failed" if failed else kind]
        took = duration(self._clock.seconds() - self._began)
        text = Text(f"{look.mark} ", look.style).append(f"{name}: ", "default")
        text.append(wait.state, look.style).append(f" after {took}", "default")
        return text.append(f" ({reason})" if failed and reason else "", "default")


def _bar(wait: Wait, now: float) -> list[Any]:
    if wait.board is None:
        return []
    board = wait.board.later(now - wait.heard_at)
    left = "" if board.seconds_left is None else f"{duration(board.seconds_left)} left"
    against = strikes(board)
    return [
        ProgressBar(total=1, completed=wait.share, width=BAR_CELLS),
        state_text(board.state, board.kind),
        left,
        f"strike {against}" if against else "",
    ]
