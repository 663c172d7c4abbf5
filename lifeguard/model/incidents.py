"""What boards that fail have in common, and what may be to blame for it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Struct

from lifeguard.model.notices import Notice

CauseKind = Literal[
    "board", "image", "installed-image", "relay-board", "hardware", "addresses"
]
"""What an incident can be blamed on; "image" is one that is being installed."""

_KIND_IN_WORDS: dict[CauseKind, str] = {
    "board": "board",
    "image": "image",
    "installed-image": "installed image",
    "relay-board": "relay board",
    "hardware": "hardware type",
    "addresses": "addresses",
}


class Cause(NamedTuple):
    """One thing that may be to blame: a board, or what several boards share.

    `name` of "addresses" is an IPv4 network.
    """

    kind: CauseKind
    name: str

    def __str__(self) -> str:
        return f"{_KIND_IN_WORDS[self.kind]} {self.name}"


class Evidence(Struct, frozen=True, kw_only=True):
    """A board failed in `state`, or did well: what blame is laid by.

    `at` is wall time, `seconds` are service seconds. `about` says what was tried:
    to cycle its power, to install `image`, or to run it. `image` None: nobody knows
    which, or a self-test's or maintenance's.
    """

    at: datetime
    seconds: float
    board: str
    state: str
    verdict: Literal["well", "failed", "given-up"]
    about: Literal["power", "install", "run"]
    image: str | None


class Incident(Struct, frozen=True, kw_only=True):
    """Boards that fail by one cause; open until `closed`, saved before it counts.

    `opened` and `closed` are wall time, `since` the service seconds when it was
    opened. Of all its `boards` these are still `failing`. `set_aside`: its cause is
    an image that nobody may be given until an operator takes it back. `broken`: its
    cause is a relay board that said so itself, and says itself when it works again.
    """

    id: int
    cause: Cause
    opened: datetime
    since: float
    boards: tuple[str, ...]
    failing: tuple[str, ...]
    text: str
    closed: datetime | None = None
    set_aside: bool = False
    broken: bool = False


class Blamed(NamedTuple):
    """The open incident that a board's failures belong to.

    `excuses`: they do not count towards giving the board up.
    """

    incident: int
    cause: Cause
    excuses: bool


class IncidentPlace(NamedTuple):
    """Where an incident stands in the list of all: the open first, then by id."""

    is_closed: bool
    id: int


class Judgement(Struct, frozen=True):
    """An incident as it shall be from now on, and what people should hear of it."""

    incident: Incident
    notices: tuple[Notice, ...] = ()
