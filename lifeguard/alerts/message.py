"""Many alerts in one message: what it says, however it is sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lifeguard.model import Message
from lifeguard.power.errors import printable
from lifeguard.words import plural

if TYPE_CHECKING:
    from datetime import datetime

    from lifeguard.model import NoticeKind, Queue

MOST: Final = 100
"""Notices that a message tells one by one; the rest it counts."""

_IN_WORDS: Final[dict[NoticeKind, tuple[str, str]]] = {
    "given-up": ("board", "given up"),
    "incident-opened": ("incident", "opened"),
    "incident-closed": ("incident", "closed"),
    "relay-board-broken": ("relay board", "broken"),
    "relay-board-works": ("relay board", "working again"),
}


def compose(channel: str, queue: Queue, key: str, made: datetime) -> Message:
    """All that waits for a channel; `key` is nobody else's."""
    return Message(
        key=key,
        channel=channel,
        made=made,
        notices=queue.notices[:MOST],
        counts=queue.counts,
    )


def title(message: Message, lab: str) -> str:
    """All of it in one line."""
    if sum(message.counts.values()) != 1:
        parts = [_counted(kind, count) for kind, count in message.counts.items()]
        return f"{lab}: {', '.join(parts) or 'this is a test'}"
    [notice] = message.notices
    return f"{lab}: {notice.board}: {_one_line(notice.text)}"


def lines(message: Message, most: int = MOST) -> list[str]:
    """A line for each notice, the oldest first, and one for those left out."""
    told = [
        f"{notice.at:%Y-%m-%d %H:%M:%S} UTC  {notice.board}: {_one_line(notice.text)}"
        for notice in message.notices[:most]
    ]
    rest = left_out(message, len(told))
    return [*told, f"and {rest} more"] if rest else told


def left_out(message: Message, told: int) -> int:
    """How many are counted only, where so many are told."""
    return sum(message.counts.values()) - told


def _counted(kind: str, count: int) -> str:
    if kind == "few-ready":
        return "too few boards are Ready"
    if kind == "enough-ready":
        return "enough boards are Ready again"
    thing, became = _IN_WORDS[kind]  # type: ignore[index]
    return f"{plural(count, thing)} {became}"


def _one_line(text: str) -> str:
    """What relay boards and boards say gets into reasons."""
    return printable(" ".join(text.split()))
