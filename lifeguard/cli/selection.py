"""Which boards are meant: names, shell patterns, and what else is said of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.cli.documents import Board
from lifeguard.cli.exits import Stop
from lifeguard.cli.reading import read
from lifeguard.cli.words import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifeguard.cli.api import Api
    from lifeguard.cli.documents import Document

_SPECIAL = frozenset("*?[")


class NoBoard(Stop):
    """Nothing fits what was said."""


class Selection(NamedTuple):
    """Boards with one of the names, in one of the states, of the hardware.

    No names are all names, no states all states; each may be a shell pattern.
    """

    names: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    hardware: str = "*"

    @property
    def is_pattern(self) -> bool:
        """Whether it depends on the lab which boards these are."""
        return not self.names or any(_SPECIAL & set(name) for name in self.names)

    def takes(self, board: Board) -> bool:
        """Whether a board of the list is meant."""
        return (
            _fits(board.name, self.names)
            and _fits(board.state, self.states)
            and fnmatchcase(board.hardware or "", self.hardware)
        )


def _fits(word: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)


async def select(api: Api, selection: Selection) -> list[Document]:
    """The boards that are meant, by name, as the daemon lists them.

    Raises NoBoard for a name that no board has.
    """
    pattern = selection.names[0] if len(selection.names) == 1 else "*"
    documents = await api.boards(pattern)
    boards = [read(document, Board) for document in documents]
    for pattern in selection.names:
        if not any(fnmatchcase(board.name, pattern) for board in boards):
            raise NoBoard(f"{pattern}: no such board at {api.url}")
    return [
        document
        for document, board in zip(documents, boards, strict=True)
        if selection.takes(board)
    ]


async def select_some(api: Api, selection: Selection, *, sure: bool) -> list[str]:
    """The names of boards to do something to; at least one.

    Several that a pattern means are only taken when the person is `sure`.
    """
    boards = await select(api, selection)
    names = [board["name"] for board in boards if not board["removed"]]
    if not names:
        raise NoBoard(f"no board at {api.url} is in such a state or of such hardware")
    if selection.is_pattern and len(names) > 1 and not sure:
        shown = " ".join(folded(names))
        raise NoBoard(f"these are {len(names)} boards, which needs --yes: {shown}")
    return names
