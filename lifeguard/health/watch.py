"""The watch over one board: poll, wait, poll again, until it has failed.

Whether a failure may be told is not decided here: each finding is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol
from zlib import crc32

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.health.checks import CannotPoll, Missed

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

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

    def __init__(
        self,
        subject: Subject,
        clock: IReactorTime,
        figures: HealthFigures,
        polls: Polls,
        findings: Findings,
    ) -> None:
        self._subject = subject
        self._clock = clock
        self._figures = figures
        self._polls = polls
        self._findings = findings
        self._over = False

    def start(self, failed: Callable[[str], None]) -> None:
        """Begin; the first poll comes after `first_pause`."""
        self._watching = Deferred.fromCoroutine(self._until_failed())
        self._watching.addCallback(self._tell, failed).addErrback(self._broke)

    def stop(self) -> None:
        if self._over:
            return
        self._end()
        self._watching.cancel()

    def _end(self) -> None:
        self._over = True
        self._findings.ended(self._subject.board)

    def _tell(self, reason: str, failed: Callable[[str], None]) -> None:
        self._end()
        failed(reason)

    def _broke(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            log.failure("{board}: its watch broke", failure, board=self._subject.board)

    async def _until_failed(self) -> str:
        """Poll until the board has failed; why it has."""
        board = self._subject.board
        pause, misses = first_pause(board, self._figures.every), 0
        while True:
            await deferLater(self._clock, pause)
            pause = self._figures.retry
            try:
                await self._poll()
            except CannotPoll as error:
                self._findings.hindered(board, str(error))
            except Missed as miss:
                misses += 1
                if self._findings.missed(board, misses):
                    return f"{miss} (misses in a row: {misses})"
            else:
                self._findings.answered(board)
                pause, misses = self._figures.every, 0

    async def _poll(self) -> None:
        try:
            await self._polls.poll(self._subject.address, self._subject.checks)
        finally:
            if self._over:  # a probe that is cut short may well call it a miss
                raise CancelledError


def first_pause(board: str, every: float) -> float:
    """Seconds until the first poll: the second half of `every`, spread by name.

    So a board that has just come up has time to start what is asked of it, and
    ten thousand that begin together are not polled together.
    """
    return every * (1 + crc32(board.encode()) / 2**32) / 2
