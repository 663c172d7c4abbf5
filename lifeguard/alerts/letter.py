"""A message as a mail: pure."""

from __future__ import annotations

from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

from lifeguard.alerts.message import lines, title

if TYPE_CHECKING:
    from lifeguard.config.alerts import AlertChannel
    from lifeguard.model import Message
    from lifeguard.netboot.parameters import Server

SUBJECT: Final = 150
"""Characters: more than any list of mails shows."""


def letter(message: Message, server: Server, channel: AlertChannel) -> bytes:
    """Headers and text; its Message-ID is the same however often it is sent."""
    email = EmailMessage()
    email["Subject"] = title(message, server.name)[:SUBJECT]
    email["From"] = channel.sender
    email["To"] = ", ".join(channel.to)
    email["Date"] = message.made
    email["Message-ID"] = f"<{message.key}@{server.name}>"
    # So that nobody's absence answers it.
    email["Auto-Submitted"] = "auto-generated"
    text = "\n".join([*lines(message), "", server.url, ""])
    # Not every server takes eight bits.
    email.set_content(text, cte="quoted-printable")
    return email.as_bytes()
