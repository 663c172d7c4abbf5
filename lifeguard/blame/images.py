"""Which image is to blame, when boards that did well with others fail to run it.

An image is guilty when enough different boards have failed to install it, each often
enough or until it was given up, when each of them did well with another image, and
when it did well on no board since the first of these failures. It is not when those
boards share something else on which no board is well: that could be it, too. Nor is
it while another image fails on as many boards, and none was installed well since: that
could be lifeguard's own way of booting them.

Pure: the moment is an argument, and nothing happens here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lifeguard.model import Cause, Evidence


class ImageCase(NamedTuple):
    """What an image is blamed for.

    `boards` has each board's other image, in the order in which they failed; `state`
    is where the first of them did, at `since` (wall time).
    """

    image: str
    boards: dict[str, str]
    state: str
    since: datetime


class ImageRule:
    """Weighs what is said of boards and images, within `window` service seconds.

    An image is guilty by `boards` boards of which each failed `strikes` times with it,
    or was given up. `causes` are what each board shares with others.
    """

    def __init__(
        self,
        boards: int,
        strikes: int,
        window: float,
        causes: Mapping[str, tuple[Cause, ...]],
    ) -> None:
        self._boards, self._strikes, self._window = boards, strikes, window
        self._causes = causes
        self._failures: dict[str, dict[str, deque[Evidence]]] = {}
        """Each board's last ones with an image that has done well nowhere since."""
        self._well: dict[str, dict[str, float]] = {}
        """When each board did well last, by image."""
        self._installed: dict[str, float] = {}
        """When each image was last installed well, on any board."""

    def weigh(self, evidence: Evidence) -> None:
        """Take what has happened; in the order in which it did."""
        board, image = evidence.board, evidence.image
        if image is None:
            return
        if evidence.verdict == "well":
            self._well.setdefault(board, {})[image] = evidence.seconds
            if evidence.about == "install":
                self._failures.pop(image, None)
                self._installed[image] = evidence.seconds
        elif evidence.about == "install":
            failed = self._failures.setdefault(image, {})
            failed.setdefault(board, deque(maxlen=self._strikes)).append(evidence)

    def forget(self, image: str) -> None:
        """Nothing is held against it any more."""
        self._failures.pop(image, None)

    def leave(self, board: str) -> None:
        """It is no board of the lab any more: it speaks for and against none."""
        self._well.pop(board, None)
        for failed in self._failures.values():
            failed.pop(board, None)

    @property
    def suspects(self) -> list[str]:
        """The images that have failed somewhere, and done well nowhere since."""
        return list(self._failures)

    def judge(
        self, image: str, now: float, is_well: Callable[[Cause, str], bool]
    ) -> ImageCase | None:
        """The case against an image at `now`, in service seconds; None: there is none.

        `is_well` tells whether any board that shares the cause is well by now, other
        than with this image.
        """
        start = now - self._window
        failures = {
            board: failed
            for board, failed in self._failures.get(image, {}).items()
            if self._failed_for_sure(failed, start)
        }
        others = {board: self._another(board, image, start) for board in failures}
        boards = {board: other for board, other in others.items() if other is not None}
        if len(boards) < self._boards:
            return None
        shared = set.intersection(*(set(self._causes[board]) for board in boards))
        if not all(is_well(cause, image) for cause in shared):
            return None
        first = min((failures[board][0] for board in boards), key=_moment)
        if self._has_rival(image, start) and not self._another_since(image, first):
            return None
        return ImageCase(image, boards, first.state, first.at)

    def _has_rival(self, image: str, start: float) -> bool:
        """Whether another image fails on as many boards, be it not yet for sure."""
        return any(
            sum(failed[-1].seconds >= start for failed in boards.values())
            >= self._boards
            for rival, boards in self._failures.items()
            if rival != image
        )

    def _another_since(self, image: str, first: Evidence) -> bool:
        """Whether another image was installed well since a failure with this one."""
        return any(
            at > first.seconds
            for other, at in self._installed.items()
            if other != image
        )

    def _failed_for_sure(self, failed: deque[Evidence], start: float) -> bool:
        if failed[-1].seconds < start:
            return False
        if failed[-1].verdict == "given-up":
            return True
        return len(failed) == self._strikes and failed[0].seconds >= start

    def _another(self, board: str, image: str, start: float) -> str | None:
        """The image with which the board did well last, in the window."""
        well = self._well.get(board, {})
        others = {at: other for other, at in well.items() if other != image}
        latest = max(others, default=start)
        return others[latest] if latest > start else None


def _moment(evidence: Evidence) -> float:
    return evidence.seconds
