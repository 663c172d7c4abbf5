"""Boards as they stand: lists, one board, its history, its boot config."""

from __future__ import annotations

from bisect import bisect
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from msgspec import Meta, Struct

from lifeguard.model import HistoryRow
from lifeguard.netboot.decision import decide
from lifeguard.netboot.parameters import boot_config
from lifeguard.netboot.unknown_boards import UnknownBoard
from lifeguard.store import StoreUnavailable
from lifeguard.web.reading import read_query
from lifeguard.web.views import (
    BoardDetail,
    BoardSummary,
    OpenIncident,
    detail,
    open_incident,
    removed_detail,
    summary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lifeguard.board import ManagedBoard
    from lifeguard.model import Standing
    from lifeguard.power import OwedOutlet
    from lifeguard.web.callers import Callers
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World

RECENT_ROWS = 200
"""How far back the row is looked for by which a board came where it is."""

Limit = Annotated[int, Meta(ge=1, le=1000)]
Glob = Annotated[str, Meta(max_length=100, description="a shell pattern: `panda-*`")]


class BoardsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which boards; those named after `after` only, `limit` of them."""

    name: Glob = "*"
    state: Glob = "*"
    hardware: Glob = "*"
    image: Glob = "*"
    after: str = ""
    limit: Limit = 100


class BoardList(Struct, frozen=True):
    """Boards by name; `next` is the `after` of the next page, null on the last."""

    boards: list[BoardSummary]
    next: str | None


class HistoryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The rows older than the one of id `before`, `limit` of them."""

    limit: Limit = 100
    before: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class History(Struct, frozen=True):
    """The newest row first; `next` is the `before` of the next page, null on the last.

    Rows that were refused or repeated are counted together: `count`, `at`, `last`.
    """

    history: list[HistoryRow]
    next: int | None


class UnknownBoardList(Struct, frozen=True):
    """Boards in no inventory that asked for something to boot, the newest first.

    As many as lifeguard remembers, since it was started; what they say of themselves
    is not proved.
    """

    unknown_boards: list[UnknownBoard]


class BootConfig(Struct, frozen=True):
    """What an installer reads; `boot_config` is what the reimage request gave."""

    board: str
    image: str | None
    generation: int
    events_url: str
    boot_config: dict[str, Any]


class Subject(NamedTuple):
    """A board; `managed` None: it is not in the inventory any more."""

    standing: Standing
    managed: ManagedBoard | None


_TEXTS: dict[str, Callable[[Subject], str]] = {
    "name": lambda one: one.standing.board,
    "state": lambda one: one.standing.state,
    "hardware": lambda one: "" if one.managed is None else one.managed.board.hardware,
    "image": lambda one: one.standing.image or "",
}
"""What each pattern of a query is held against."""


class Boards:
    """Shows boards; changes nothing."""

    def __init__(self, world: World, callers: Callers) -> None:
        self._world, self._callers = world, callers

    async def index(self, request: LabRequest) -> BoardList:
        query, now = read_query(request, BoardsQuery), self._world.now()
        matching = filter(_matcher(query), self._subjects(query.after))
        page = [summary(*one, now) for one in islice(matching, query.limit)]
        more = next(matching, None) is not None
        return BoardList(page, page[-1].name if more else None)

    async def show(self, request: LabRequest, name: str) -> BoardDetail:
        self._check_known(name)
        came = await self._came(name)
        removed = self._world.fleet.removed.get(name)
        if removed is None:
            return self._detail(self._world.fleet.board(name), came)
        now, owed = self._world.now(), self._owed(name)
        return removed_detail(removed, now, came=came, owed=owed)

    async def history(self, request: LabRequest, name: str) -> History:
        query = read_query(request, HistoryQuery)
        self._check_known(name)
        rows = await self._world.store.history(name, query.limit, query.before)
        return History(rows, rows[-1].id if len(rows) == query.limit else None)

    async def boot_config(self, request: LabRequest, name: str) -> BootConfig:
        board = self._world.fleet.board(name)
        self._callers.check_insider(request, board, "operate")
        return BootConfig(**boot_config(board.standing, self._world.server))

    async def unknown(self, request: LabRequest) -> UnknownBoardList:
        return UnknownBoardList(self._world.files.unknown_boards.seen())

    def _subjects(self, after: str) -> Iterator[Subject]:
        """By name, those that come after `after`."""
        boards, removed = self._world.fleet.boards, self._world.fleet.removed
        names = sorted([*boards, *removed])
        for name in names[bisect(names, after) :]:
            managed = boards.get(name)
            standing = removed[name] if managed is None else managed.standing
            yield Subject(standing, managed)

    def _detail(self, board: ManagedBoard, came: HistoryRow | None) -> BoardDetail:
        fleet = self._world.fleet
        name = board.board.name
        return detail(
            board,
            self._world.now(),
            came=came,
            decision=decide(fleet.situation(board), fleet.inventory),
            owed=self._owed(name),
            poll_withheld=name in self._world.poller.status().withheld,
            incident=self._incident(name),
        )

    def _incident(self, name: str) -> OpenIncident | None:
        docket, now = self._world.fleet.docket, self._world.now()
        if (incident := docket.about(name)) is None:
            return None
        blamed = docket.blamed(name, now.service)
        return open_incident(incident, blamed is not None and blamed.excuses)

    async def _came(self, name: str) -> HistoryRow | None:
        try:
            rows = await self._world.store.history(name, RECENT_ROWS)
        except StoreUnavailable:
            return None
        return next((row for row in rows if row.outcome == "moved"), None)

    def _owed(self, name: str) -> list[OwedOutlet]:
        return [owed for owed in self._world.power.owed() if owed.board == name]

    def _check_known(self, name: str) -> None:
        if name not in self._world.fleet.removed:
            self._world.fleet.board(name)


def _matcher(query: BoardsQuery) -> Callable[[Subject], bool]:
    """Whether a board fits every pattern; most queries have none."""
    patterns = [
        (text, pattern)
        for name, text in _TEXTS.items()
        if (pattern := getattr(query, name)) != "*"
    ]
    return lambda one: all(fnmatchcase(text(one), wanted) for text, wanted in patterns)
