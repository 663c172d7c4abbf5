"""Which thing is to blame that boards share, when they fail together.

A board is failing when it failed again some time after its first failure, and did not
do well between: a single strike means nothing. Of all that a failing board shares with
others, that one is suspected which leaves the fewest exceptions: boards that share it
and are well, and boards that fail likewise without it. When two leave equally few,
nobody is blamed. The whole lab is one of them: when everything fails, it is
lifeguard's own network, or its store.

A board whose power cannot be cycled says something of its relay board and of nothing
else; so failures of power and all others are counted apart.

Pure: the moment is an argument, and nothing happens here.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lifeguard.model import Evidence

_LAB = Cause("addresses", "")
"""Shared by all boards; never blamed."""


class TogetherCase(NamedTuple):
    """A cause, and the boards that fail by it: so many of those that share it.

    `others_failing` of `others` fail likewise without it.
    """

    cause: Cause
    boards: tuple[str, ...]
    sharing: int
    others: int
    others_failing: int


class _Status(Struct):
    """How one board is doing; `failing` only when it is for sure."""

    causes: tuple[Cause, ...]
    fixed: tuple[Cause, ...]
    well: bool = False
    first: float | None = None
    last: float = 0.0
    of_power: bool = False
    failing: bool = False


class TogetherRule:
    """How all boards are doing, in tallies by cause, so that a judgement is cheap.

    A cause is to blame by `boards` failing boards, which must be more than `share` of
    those that share it, while not more than `share` of the others fail likewise. A
    board that failed is failing after `settle` seconds, and until `window` seconds
    after its last failure.
    """

    def __init__(
        self,
        boards: int,
        share: float,
        settle: float,
        window: float,
        causes: Mapping[str, tuple[Cause, ...]],
    ) -> None:
        self._boards, self._share = boards, share
        self._settle, self._window = settle, window
        self._well: Counter[Cause] = Counter()
        self._failing: Counter[tuple[bool, Cause]] = Counter()
        self._late: dict[str, None] = {}
        """Boards with failures, the one that failed last at the end."""
        self._statuses: dict[str, _Status] = {}
        self._sharing: Counter[Cause] = Counter()
        for board, shared in causes.items():
            self.join(board, shared)

    def join(self, board: str, causes: tuple[Cause, ...]) -> None:
        """A board begins anew, by what it shares with others from now on."""
        if board in self._statuses:
            self.leave(board)
        fixed = (*causes, _LAB)
        self._statuses[board] = _Status(fixed, fixed)
        self._sharing.update(fixed)

    def leave(self, board: str) -> None:
        """It is no board of the lab any more."""
        self._count(self._statuses.pop(board), -1)
        self._late.pop(board, None)

    def stands(self, board: str, *, well: bool, image: Cause | None) -> None:
        """How a board stands from now on; one that takes another image begins anew."""
        status = self._statuses[board]
        causes = status.fixed if image is None else (*status.fixed, image)
        if (well, causes) == (status.well, status.causes):
            return
        self._count(status, -1)
        if well or causes != status.causes:
            self._forget(board)
        status.well, status.causes = well, causes
        self._count(status, 1)

    def clear(self, board: str) -> None:
        """What the board failed by is known, or it was asked for something else."""
        self._count(self._statuses[board], -1)
        self._forget(board)
        self._count(self._statuses[board], 1)

    def failed(self, evidence: Evidence) -> bool:
        """A board has failed once more; True: it is failing by now."""
        status = self._statuses[evidence.board]
        if status.well:
            return False  # that was long ago, and has just been recalled
        of_power, now = evidence.about == "power", evidence.seconds
        self._forget_before(now - self._window)
        self._count(status, -1)
        if status.of_power != of_power:
            self._forget(evidence.board)
        if status.first is None:
            status.first = now
        settled = now - status.first >= self._settle or evidence.verdict == "given-up"
        status.failing = status.failing or settled
        status.last, status.of_power = now, of_power
        self._late.pop(evidence.board, None)
        self._late[evidence.board] = None
        self._count(status, 1)
        return status.failing

    @property
    def failing(self) -> list[str]:
        """The boards that are failing for sure."""
        return [board for board in self._late if self._statuses[board].failing]

    def suspects(self, board: str) -> list[Cause]:
        """What may be to blame for the failures of a board."""
        status = self._statuses[board]
        if not status.of_power:
            return list(status.causes)
        causes = [cause for cause in status.causes if cause.kind == "relay-board"]
        return [*causes, _LAB] if self._has_others() else causes

    def _has_others(self) -> bool:
        """Whether there is more than one relay board, so that power can be compared."""
        shared = (each for each, boards in self._sharing.items() if boards)
        relay_boards = (each for each in shared if each.kind == "relay-board")
        return len(list(islice(relay_boards, 2))) > 1

    def judge(self, board: str) -> TogetherCase | None:
        """Whose fault it is that a board is failing, if it is not the board's own."""
        of_power = self._statuses[board].of_power
        all_failing = self._failing[of_power, _LAB]

        def exceptions(cause: Cause) -> int:
            return self._well[cause] + all_failing - self._failing[of_power, cause]

        suspects = sorted(self.suspects(board), key=exceptions)
        if not suspects:
            return None
        cause, others = suspects[0], suspects[1:]
        if others and exceptions(others[0]) == exceptions(cause):
            return None
        return None if cause == _LAB else self._case(cause, of_power)

    def any_is_well(self, cause: Cause, but_with: Cause) -> bool:
        """Whether a board is well that shares `cause`, and does not run `but_with`."""
        return any(
            status.well and cause in status.causes and but_with not in status.causes
            for status in self._statuses.values()
        )

    def _case(self, cause: Cause, of_power: bool) -> TogetherCase | None:
        failing, sharing = self._failing[of_power, cause], self._sharing[cause]
        others = len(self._statuses) - sharing
        others_failing = self._failing[of_power, _LAB] - failing
        if failing < self._boards or failing <= self._share * sharing:
            return None
        if others_failing > self._share * others:
            return None
        boards = tuple(self._failing_by(cause, of_power))
        return TogetherCase(cause, boards, sharing, others, others_failing)

    def _failing_by(self, cause: Cause, of_power: bool) -> Iterator[str]:
        for board in self._late:
            status = self._statuses[board]
            fails = status.failing and status.of_power == of_power
            if fails and cause in status.causes:
                yield board

    def _count(self, status: _Status, by: int) -> None:
        for cause in status.causes:
            self._sharing[cause] += by
            if status.well:
                self._well[cause] += by
            if status.failing:
                self._failing[status.of_power, cause] += by

    def _forget(self, board: str) -> None:
        """To be called while the board is not counted."""
        status = self._statuses[board]
        status.first, status.failing = None, False
        self._late.pop(board, None)

    def _forget_before(self, moment: float) -> None:
        while self._late:
            oldest = next(iter(self._late))
            if self._statuses[oldest].last >= moment:
                return
            self.clear(oldest)
