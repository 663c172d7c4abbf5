"""What lifeguard says in its log, for tests that read along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.logger import LogEvent, formatEvent, globalLogPublisher


@contextmanager
def log_lines(*rooms: str) -> Iterator[list[str]]:
    """The lines that `rooms` log meanwhile, such as `health` or `manhole.login`."""
    lines: list[str] = []
    of = tuple(f"lifeguard.{room}" for room in rooms)

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith(of):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)
