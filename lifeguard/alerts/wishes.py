"""Which channel wants to hear what: pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lifeguard.model import Alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lifeguard.config.alerts import AlertChannel
    from lifeguard.model import Notice


class Wishes:
    """Of all channels; their patterns choose among what `is_board` by its name."""

    def __init__(
        self, channels: Mapping[str, AlertChannel], is_board: Callable[[str], bool]
    ) -> None:
        self._channels, self._is_board = channels, is_board

    def alerts(self, notices: Iterable[Notice]) -> list[Alert]:
        """One for each channel that wants a notice, in the order of the notices."""
        return [
            Alert(name, notice)
            for notice in notices
            for name, channel in self._channels.items()
            if notice.kind in channel.on and self._is_near(notice.board, channel)
        ]

    def _is_near(self, about: str, channel: AlertChannel) -> bool:
        if not channel.boards or not self._is_board(about):
            return True
        return any(fnmatchcase(about, pattern) for pattern in channel.boards)
