"""What people are told, and by which channels."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Struct

NoticeKind = Literal[
    "given-up",
    "incident-opened",
    "incident-closed",
    "relay-board-broken",
    "relay-board-works",
    "few-ready",
    "enough-ready",
]
"""What people are told of; "few-ready": fewer boards are Ready than a lab wants."""


class Notice(Struct, frozen=True, kw_only=True):
    """Something a person should hear, told once; a row until it has been told.

    `board` is what it is about, which may be a relay board or an image as well.
    """

    at: datetime
    board: str
    text: str
    kind: NoticeKind = "given-up"
    id: int = 0


class Alert(NamedTuple):
    """A notice that waits until its channel tells it; many may go in one message."""

    channel: str
    notice: Notice


class Queue(Struct, frozen=True):
    """The alerts that wait for a channel: the first of them, and how many of each kind.

    `through` is the highest id of all of them; 0: there are none.
    """

    notices: tuple[Notice, ...]
    counts: dict[str, int]
    through: int


class Message(Struct, frozen=True, kw_only=True):
    """What a channel is to tell at once; a row from before it is sent.

    `notices` are the first of all that it tells, `counts` say how many of each kind it
    tells. `key` is the same however often it is sent. `due` are service seconds.
    """

    key: str
    channel: str
    made: datetime
    notices: tuple[Notice, ...]
    counts: dict[str, int]
    tries: int = 0
    """How many have failed."""
    refusals: int = 0
    """After how many of those the other end had said no."""
    due: float = 0.0
    error: str | None = None
    """How the last try failed."""
    outcome: Literal["waiting", "sent", "failed"] = "waiting"
    ended: datetime | None = None


class SavedChannel(Struct, frozen=True, kw_only=True):
    """What a store holds of one channel.

    `message` is the one under way. `failed` counts the messages that were given up.
    """

    message: Message | None = None
    queue: Queue = Queue((), {}, 0)
    last_sent: datetime | None = None
    failed: int = 0
    last_failed: Message | None = None
