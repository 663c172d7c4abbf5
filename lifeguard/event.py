"""What happens to a board, and the ways in which it may be refused."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened to one board, from whoever says so.

    `generation` and `stay` bind it: an event of an older boot or of a state that has
    been left moves nothing. None: not bound. `source` and `reason` are for history.
    """

    name: str
    source: str
    by: Literal["board", "person", "lifeguard"] = "lifeguard"
    generation: int | None = None
    stay: int | None = None
    body: dict[str, Any] = {}
    reason: str = ""


class Answer(Struct, frozen=True):
    """What became of an event, for who sent it; by then it is durable."""

    board: str
    state: str
    generation: int
    repeat: bool = False


class Refused(Exception):
    """An event that moved nothing; the text says why, in one line."""


class UnknownEvent(Refused):
    """No state of the board's lifecycle accepts an event of this name."""


class Stale(Refused):
    """It belongs to an older boot, or to a state that has been left."""


class NotYet(Refused):
    """The power cycle it belongs to is not over; it may be sent again at once."""


class NotAccepted(Refused):
    """The board's state does not accept it; `accepted` are the names it does."""

    def __init__(self, text: str, accepted: list[str]) -> None:
        super().__init__(text)
        self.accepted = accepted


class Impossible(Refused):
    """A request that could not be fulfilled: no such image, no power outlet."""
