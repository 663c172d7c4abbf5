"""The watch over one board: poll, wait, poll again, until it has failed.

Whether a failure may be told is not decided here: each finding is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol
from zlib import crc32

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from lifeguard.health.checks import CannotPoll, Missed

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from lifeguard.deadlines import Deadlines
    from lifeguard.health.checks import Check
    from lifeguard.health.figures import HealthFigures
    from lifeguard.health.polls import Polls

log = Logger()


class Watch(Protocol):
    """Polls that go on until the board has failed, or they are stopped."""

    def stop(self) -> None:
        """End it; from now on nothing of it is heard. Once is enough."""


class Findings(Protocol):
    """Who hears what the polls of a board have found."""

    def answered(self, board: str) -> None:
        """All checks were answered."""

    def missed(self, board: str, misses: int) -> bool:
        """The last `misses` polls were missed. True: the board has failed."""

    def hindered(self, board: str, cause: str) -> None:
        """lifeguard could not poll."""

    def ended(self, board: str) -> None:
        """The watch is over."""


class Subject(NamedTuple):
    """Whom to poll, for what."""

    board: str
    address: str
    checks: tuple[Check, ...]


class Unwatched:
    """The watch over a board that nothing can be asked of."""

    def stop(self) -> None:
        """There is nothing to end."""


class BoardWatch:
    """Polls one board until it has failed: then `failed` is called with the reason.

    Told or stopped, the watch is over and nothing is called any more.
    """

    __slots__ = (
        "_deadlines",
        "_failed",
        "_figures",
        "_findings",
        "_misses",
        "_over",
        "_polling",
        "_polls",
        "_subject",
    )

    def __init__(
        self,
        subject: Subject,
        deadlines: Deadlines,
        figures: HealthFigures,
        polls: Polls,
        findings: Findings,
    ) -> None:
        self._subject = subject
        self._deadlines = deadlines
        self._figures = figures
        self._polls = polls
        self._findings = findings
        self._misses = 0
        self._over = False

    def start(self, failed: Callable[[str], None]) -> None:
        """Begin; the first poll comes after `first_pause`."""
        self._failed = failed
        self._pause(first_pause(self._subject.board, self._figures.every))

    def stop(self) -> None:
        if self._over:
            return
        self._end()
        self._deadlines.remove(self._poll)
        if self._polling is not None:
            self._polling.cancel()

    def _pause(self, seconds: float) -> None:
        # Ten thousand watches pause nearly always: a deadline is what that takes, and
        # a coroutine that waits for one is several times as large.
        self._polling: Deferred[None] | None = None
        self._deadlines.put(self._poll, seconds)

    def _poll(self) -> None:
        polling = self._polling = Deferred.fromCoroutine(self._ask())
        polling.addCallbacks(self._answered, self._unanswered).addErrback(self._broke)

    async def _ask(self) -> None:
        try:
            await self._polls.poll(self._subject.address, self._subject.checks)
        finally:
            if self._over:  # a probe that is cut short may well call it a miss
                raise CancelledError

    def _answered(self, _: None) -> None:
        self._misses = 0
        self._findings.answered(self._subject.board)
        self._pause(self._figures.every)

    def _unanswered(self, failure: Failure) -> None:
        board, error = self._subject.board, failure.value
        if failure.trap(CannotPoll, Missed) is CannotPoll:
            self._findings.hindered(board, str(error))
        else:
            self._misses += 1
            if self._findings.missed(board, self._misses):
                self._tell(f"{error} (misses in a row: {self._misses})")
                return
        self._pause(self._figures.retry)

    def _tell(self, reason: str) -> None:
        self._end()
        self._failed(reason)

    def _end(self) -> None:
        self._over = True
        self._findings.ended(self._subject.board)

    def _broke(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            log.failure("{board}: its watch broke", failure, board=self._subject.board)


def first_pause(board: str, every: float) -> float:
    """Seconds until the first poll: the second half of `every`, spread by name.

    So a board that has just come up has time to start what is asked of it, and
    ten thousand that begin together are not polled together.
    """
    return every * (1 + crc32(board.encode()) / 2**32) / 2
