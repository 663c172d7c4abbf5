"""Who is truly to blame: what is ill in a virtual lab, and which boards fail by chance.

The daemon has to find that out, and the rules know it. Times are service seconds, in
which the daemon reckons, too.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lifeguard.model import Board


NETWORK = Cause("addresses", "all")
"""lifeguard's own network, to which nobody else lays the blame."""


class Ailments:
    """What is ill now, and what was; `now` is in service seconds."""

    def __init__(self, boards: Mapping[str, Board], now: Callable[[], float]) -> None:
        self._now = now
        self._feeding = {
            board.name: [Cause("relay-board", each.relay_board) for each in board.power]
            for board in boards.values()
        }
        self._ill: set[Cause] = set()
        self._ended: dict[Cause, float] = {}
        self._failed: dict[str, float] = {}

    def begin(self, cause: Cause) -> None:
        """All boards fail by it from now on."""
        self._ill.add(cause)

    def end(self, cause: Cause) -> None:
        """It is well again."""
        self._ill.discard(cause)
        self._ended[cause] = self._now()

    def lasts(self, cause: Cause) -> bool:
        return cause in self._ill

    def fed_by(self, cause: Cause) -> list[str]:
        """The boards that get their power from that relay board."""
        return [board for board, feeding in self._feeding.items() if cause in feeding]

    def starves(self, board: str) -> bool:
        """Whether its power does not suffice to boot, although it is switched on."""
        return not self._ill.isdisjoint(self._feeding[board])

    def fails(self, board: str) -> None:
        """It does not do what it should, by chance or by anything that is ill."""
        self._failed[board] = self._now()

    def was_ill(self, cause: Cause, within: float) -> bool:
        """Whether it was, at some time of so many seconds until now."""
        return (
            cause in self._ill or self._ended.get(cause, -inf) >= self._now() - within
        )

    def has_failed(self, board: str, within: float) -> bool:
        """Whether it did, at some time of so many seconds until now."""
        return self._failed.get(board, -inf) >= self._now() - within
