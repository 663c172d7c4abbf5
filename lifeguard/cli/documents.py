"""What of the interface's answers is shown: records of the fields that are read.

Whatever else an answer holds is left alone, so that a newer daemon can be asked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, structs

from lifeguard.lifecycle import Kind

Document = dict[str, Any]


class StrikeCount(Struct, frozen=True):
    """Strikes counted against a state."""

    count: int
    allowed: int | None


class Board(Struct, frozen=True, kw_only=True):
    """A board as it is listed."""

    name: str
    state: str
    kind: Kind | None
    since: datetime
    deadline: datetime | None
    seconds_left: float | None
    generation: int
    image: str | None
    wanted_image: str | None
    hardware: str | None
    removed: bool
    strikes: dict[str, StrikeCount]
    version: int

    def later(self, seconds: float) -> Board:
        """The same, when so long nothing has been heard of it."""
        if self.seconds_left is None:
            return self
        left = max(0.0, self.seconds_left - seconds)
        return structs.replace(self, seconds_left=left)


class Consequence(Struct, frozen=True):
    """What an event would do."""

    event: str
    does: str


class Row(Struct, frozen=True, kw_only=True):
    """A row of history."""

    at: datetime
    board: str
    event: str
    source: str
    outcome: str
    from_state: str
    to_state: str
    generation: int
    reason: str
    count: int
    last: datetime | None


class RequestView(Struct, frozen=True):
    """What was asked of a board last."""

    event: str
    image: str | None


class Boots(Struct, frozen=True):
    """What a board would be given to boot."""

    what: Literal["image", "disk", "nothing", "not-ours"]
    image: str | None
    reason: str | None


class Progress(Struct, frozen=True):
    """How far a boot over the network has come."""

    summary: str


class Owed(Struct, frozen=True):
    """An outlet that must be on again and is not yet known to be."""

    outlet: str
    board: str
    tries: int
    last_error: str | None

    @property
    def relay_board(self) -> str:
        """The relay board that the outlet belongs to."""
        return self.outlet.partition("/")[0]


class OpenIncident(Struct, frozen=True):
    """The incident that a board is failing in."""

    id: int
    text: str
    excuses: bool


class BoardDetail(Board, frozen=True, kw_only=True):
    """A board as it is shown."""

    came: Row | None
    request: RequestView | None
    owed: list[Owed]
    mac: str | None
    address: str | None
    power: list[str]
    known_state: bool
    next: list[Consequence]
    boots: Boots
    progress: Progress | None
    waits_for_power: bool
    poll_withheld: bool
    incident: OpenIncident | None = None


class Streamed(Struct, frozen=True):
    """A change, as the stream tells it."""

    change: Row
    board: Board


class RelayBoard(Struct, frozen=True, kw_only=True):
    """A relay board as it is listed."""

    name: str
    driver: str
    address: str
    state: Literal["Working", "Suspect", "Broken"]
    why: str | None
    waiting: int
    last_success: datetime | None
    last_error: str | None
    last_error_at: datetime | None


class RelayBoards(Struct, frozen=True):
    """All relay boards, and all outlets that are owed."""

    relay_boards: list[RelayBoard]
    owed: list[Owed]


class Health(Struct, frozen=True):
    """How polling is doing."""

    braked: bool
    withheld: list[str]


class FailedImage(Struct, frozen=True):
    """Why an image is set aside."""

    incident: int
    since: datetime
    text: str


class Image(Struct, frozen=True):
    """An image, and the hardware that it boots on."""

    name: str
    role: str | None
    hardware: list[str]
    failed: FailedImage | None


class Images(Struct, frozen=True):
    """All images."""

    images: list[Image]


class BoardPage(Struct, frozen=True):
    """Boards as they are listed, and where the next page begins."""

    boards: list[Document]
    next: str | None


class History(Struct, frozen=True):
    """Rows of one board, the newest first."""

    history: list[Document]


class Accepted(Struct, frozen=True):
    """Where a board stands that takes what was asked."""

    state: str
    repeat: bool = False


class Incident(Struct, frozen=True, kw_only=True):
    """Boards that failed by one cause; of all of them, these still fail."""

    opened: datetime
    closed: datetime | None
    kind: str
    name: str
    boards: list[str]
    text: str
    failing: list[str]
    set_aside: bool


class Incidents(Struct, frozen=True):
    """The open ones first."""

    incidents: list[Incident]


class AlertChannel(Struct, frozen=True, kw_only=True):
    """One way to people. `works` is how the last try went, if there was one."""

    name: str
    kind: str
    works: bool | None
    waiting: int
    tries: int
    last_error: str | None
    last_error_at: datetime | None
    last_sent: datetime | None
    failed: int


class AlertChannels(Struct, frozen=True):
    """All channels."""

    channels: list[AlertChannel]


class Operator(Struct, frozen=True, kw_only=True):
    """Somebody with a token."""

    name: str
    role: str
    made: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None

    def counts(self, now: datetime) -> bool:
        """Whether the token lets anybody in."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class Operators(Struct, frozen=True):
    """In the order in which their tokens were made."""

    operators: list[Operator]


class NewToken(Struct, frozen=True):
    """What is told once."""

    token: str


class Field(Struct, frozen=True):
    """A key whose value is another; what is secret is null."""

    name: str
    old: Any
    new: Any


class Entry(Struct, frozen=True):
    """One thing of the inventory that is different."""

    table: str
    name: str
    what: Literal["added", "removed", "changed"]
    fields: list[Field]


class Outlook(Struct, frozen=True):
    """What becomes of a board."""

    board: str
    text: str


class StillOwed(Struct, frozen=True):
    """An outlet on a relay board that goes or is elsewhere, still to be switched on."""

    outlet: str
    board: str
    relay_board: str
    what: Literal["removed", "changed"]
    text: str


class Plan(Struct, frozen=True, kw_only=True):
    """What the inventory's file would do to the lab."""

    digest: str
    entries: list[Entry]
    boards: list[Outlook]
    owed: list[StillOwed]
    touched: int
    allowed: int
    restart: list[str]
