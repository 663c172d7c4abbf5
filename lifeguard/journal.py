"""The log as systemd's journal takes it: `twistd --logger=lifeguard.journal.observer`.

Each line begins with its priority, as in sd-daemon(3); the time is the journal's own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from twisted.logger import FileLogObserver, LogLevel, eventAsText

if TYPE_CHECKING:
    from io import TextIOWrapper

    from twisted.logger import LogEvent

_PRIORITIES = {
    LogLevel.critical: 2,
    LogLevel.error: 3,
    LogLevel.warn: 4,
    LogLevel.info: 6,
    LogLevel.debug: 7,
}
"""Those of syslog(3), whose 5, a notice, Twisted does not know."""


def observer() -> FileLogObserver:
    """Writes to the standard output, which the journal reads as UTF-8.

    Whatever the locale: a line that cannot be encoded would be lost.
    """
    output = cast("TextIOWrapper", sys.stdout)
    output.reconfigure(encoding="utf-8", errors="backslashreplace")
    return FileLogObserver(output, as_journal)


def as_journal(event: LogEvent) -> str:
    """The lines of an event, a traceback's too; none if it says nothing."""
    level = event.get("log_level", LogLevel.info)
    lines = eventAsText(event, includeTimestamp=False).splitlines()
    return "".join(f"<{_PRIORITIES[level]}>{line}\n" for line in lines)
