"""Which channel wants to hear what: pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lifeguard.model import Alert

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from lifeguard.config.alerts import AlertChannel
    from lifeguard.model import Notice


class Wishes:
    """Of all channels; `boards` are the names that a channel's patterns choose from."""

    def __init__(
        self, channels: Mapping[str, AlertChannel], boards: Container[str]
    ) -> None:
        self._channels, self._boards = channels, boards

    def alerts(self, notices: Iterable[Notice]) -> list[Alert]:
        """One for each channel that wants a notice, in the order of the notices."""
        return [
            Alert(name, notice)
            for notice in notices
            for name, channel in self._channels.items()
            if notice.kind in channel.on and self._is_near(notice.board, channel)
        ]

    def _is_near(self, about: str, channel: AlertChannel) -> bool:
        if not channel.boards or about not in self._boards:
            return True
        return any(fnmatchcase(about, pattern) for pattern in channel.boards)
