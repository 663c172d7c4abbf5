"""Where a board stands, and how it came there: it comes from the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from lifeguard.model.incidents import Evidence
from lifeguard.model.lab import Outlet
from lifeguard.model.notices import Notice

Outcome = Literal["moved", "noted", "refused", "stale", "repeat"]
"""What became of an event."""


class Strikes(Struct, frozen=True):
    """Failures counted against one state.

    `last` is when the last one came, in service seconds. Where strikes are forgotten
    by time, it is put off by what the board has spent on its way back since.
    """

    count: int
    last: float


class Request(Struct, frozen=True):
    """The last request accepted; it stands until its first state is left."""

    event: str
    body: dict[str, Any] = {}


class Standing(Struct, frozen=True, kw_only=True):
    """Where a board stands: exactly one row of the database.

    `entered` and `deadline` are service seconds (the time lifeguard has run),
    `since` is wall time and only for display. `version` counts the changes,
    `stay` the entries into a state, `generation` the power cycles ordered.
    """

    board: str
    state: str
    since: datetime
    version: int = 0
    stay: int = 0
    generation: int = 0
    entered: float = 0.0
    deadline: float | None = None
    image: str | None = None
    wanted_image: str | None = None
    boot_config: dict[str, Any] = {}
    strikes: dict[str, Strikes] = {}
    accepted: tuple[str, ...] = ()
    """Board events accepted in this generation."""
    noted: tuple[str, ...] = ()
    """Events noted in this stay, which moved nothing."""
    request: Request | None = None


class Owed(Struct, frozen=True):
    """An outlet that must be switched on again before anything is forgotten.

    Also while its board is to be off: so it comes back should the board be removed.
    """

    outlet: Outlet
    board: str
    generation: int


class HistoryRow(Struct, frozen=True, kw_only=True):
    """One line of a board's history.

    Refused, stale and repeated events are coalesced: `count` of them between `at`
    and `last`.
    """

    at: datetime
    board: str
    event: str
    source: str
    outcome: Outcome
    from_state: str
    to_state: str
    generation: int
    reason: str = ""
    count: int = 1
    last: datetime | None = None
    id: int = 0
    """Given by the database, ascending; 0 until then."""


class Change(Struct, frozen=True, kw_only=True):
    """One step of one board, committed whole or not at all.

    `after.version` is one more than the version it replaces; a first row has
    version 1.
    """

    after: Standing
    row: HistoryRow
    owed: tuple[Owed, ...] = ()
    notices: tuple[Notice, ...] = ()
    evidence: Evidence | None = None


class SeenBoot(Struct, frozen=True):
    """What netboot saw of a board's present generation: the image that it fetches.

    `steps` are events, each with the time it came last.
    """

    image: str
    steps: dict[str, datetime]
