"""Messages as those take them who are told by a URL: JSON, and Slack's JSON. Pure.

Whatever a notice quotes steers nothing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.json import encode

from lifeguard.alerts.message import left_out, lines, title

if TYPE_CHECKING:
    from lifeguard.model import Message
    from lifeguard.netboot.parameters import Server

SLACK_LINES: Final = 20
"""Slack folds a longer text, and cuts one of 40,000 characters."""

SLACK_LINE: Final = 400

_SLACK: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def webhook(message: Message, server: Server) -> bytes:
    """All of it, as JSON; `more` counts the alerts that are left out."""
    document: dict[str, Any] = {
        "id": message.key,
        "lab": server.name,
        "url": server.url,
        "made": message.made,
        "title": title(message, server.name),
        "counts": message.counts,
        "alerts": [
            {
                "at": notice.at,
                "kind": notice.kind,
                "about": notice.board,
                "text": notice.text,
            }
            for notice in message.notices
        ],
        "more": left_out(message, len(message.notices)),
    }
    return encode(document)


def slack(message: Message, server: Server) -> bytes:
    """As Slack's incoming webhooks take it, and Mattermost's and Rocket.Chat's."""
    told = [_cut(line, SLACK_LINE) for line in lines(message, SLACK_LINES)]
    text = "\n".join([_cut(title(message, server.name), SLACK_LINE), *told, server.url])
    return encode({"text": text.translate(_SLACK)})


def _cut(line: str, most: int) -> str:
    return line if len(line) <= most else f"{line[: most - 3]}..."
