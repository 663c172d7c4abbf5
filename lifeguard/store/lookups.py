"""Where boards stand, looked up together.

When a store comes back, thousands of boards want to know in one moment. One query runs
at a time; whoever asks meanwhile shares the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lifeguard.store.answers import answer_all
from lifeguard.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import Standing

log = Logger()

TOGETHER = 500
"""At most so many boards share a query."""

Found = dict[str, "Standing | StoreError"]
Waiting = tuple[str, "Deferred[Standing | None]"]


class LookUps:
    """Each board has an answer of its own; `look` finds those that have a row.

    When a query fails, all that wait by then fail with it: they would only wait for
    the same.
    """

    def __init__(
        self, look: Callable[[Sequence[str]], Deferred[Found]], clock: IReactorTime
    ) -> None:
        self._look, self._clock = look, clock
        self._waiting: list[Waiting] = []
        self._looking = False

    def standing(self, board: str) -> Deferred[Standing | None]:
        """As it is in the store after this was asked; None when there is no row."""
        answer: Deferred[Standing | None] = Deferred()
        self._waiting.append((board, answer))
        if not self._looking:
            Deferred.fromCoroutine(self._look_all())
        return answer

    async def _look_all(self) -> None:
        self._looking = True
        while self._waiting:
            try:
                await self._look_some()
            except Exception:
                log.failure("some look-ups broke")
        self._looking = False

    async def _look_some(self) -> None:
        some, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        try:
            found = await self._look([board for board, _ in some])
        except Exception:
            failure = Failure()
            some, self._waiting = some + self._waiting, []
            await answer_all(self._clock, [(answer, failure) for _, answer in some])
        else:
            results = [(answer, _result(found.get(board))) for board, answer in some]
            await answer_all(self._clock, results)


def _result(found: Standing | StoreError | None) -> Standing | Failure | None:
    return Failure(found) if isinstance(found, StoreError) else found
