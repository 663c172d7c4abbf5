"""The service that polls boards, and decides which failures may be told."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from twisted.application.service import Service
from twisted.logger import Logger

from lifeguard.deadlines import Deadlines
from lifeguard.health.brake import WITHIN, Brake
from lifeguard.health.checks import parse
from lifeguard.health.hindrances import Hindrances
from lifeguard.health.polls import Polls
from lifeguard.health.watch import BoardWatch, Subject, Unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.health.checks import Probes
    from lifeguard.health.figures import HealthFigures
    from lifeguard.health.watch import Watch

log = Logger()


class HealthStatus(Struct, frozen=True):
    """How polling itself is doing.

    `withheld` are the boards whose failure the brake keeps from being told,
    `hindrances` the causes that keep so many boards from being polled.
    """

    polled: int
    braked: bool
    withheld: tuple[str, ...]
    hindrances: dict[str, int]


class Poller(Service):
    """Watches over any number of boards; each has at most one watch."""

    def __init__(
        self,
        clock: IReactorTime,
        figures: HealthFigures,
        probes: Probes,
        at_once: int = 200,
    ) -> None:
        self._clock, self._deadlines = clock, Deadlines(clock)
        self._figures = figures
        self._polls = Polls(clock, probes, figures.timeout, at_once)
        self._brake = Brake(figures.brake)
        self._hindrances = Hindrances()
        self._watches: dict[str, BoardWatch] = {}

    def stopService(self) -> None:
        super().stopService()
        for watch in list(self._watches.values()):
            watch.stop()

    def watch(
        self,
        board: str,
        address: str | None,
        checks: tuple[str, ...],
        failed: Callable[[str], None],
    ) -> Watch:
        """Poll the board until it fails, then call `failed` once with the reason.

        It is never called after the watch was stopped. A second watch of a board
        ends the first; one without address or checks never polls. BadCheck if a
        text is no check.
        """
        if board in self._watches:
            self._watches[board].stop()
        if address is None or not checks:
            return Unwatched()
        subject = Subject(board, address, tuple(map(parse, checks)))
        watch = BoardWatch(subject, self._deadlines, self._figures, self._polls, self)
        self._watches[board] = watch
        self._brake.joined(board)
        watch.start(failed)
        return watch

    def status(self) -> HealthStatus:
        """What a person should see before believing that many boards are ill."""
        return HealthStatus(
            polled=len(self._watches),
            braked=self._brake.on,
            withheld=self._brake.withheld,
            hindrances=self._hindrances.boards,
        )

    def pause(self) -> None:
        """Begin no poll, since nothing that it finds could be saved, until `go_on`."""
        self._polls.pause()

    def go_on(self) -> None:
        """Poll again, those first that have waited longest."""
        self._polls.go_on()

    def release(self) -> None:
        """A person says that it is the boards: those that still fail are told so.

        Each is told when it misses its next poll, some `retry` seconds from now.
        """
        log.info("the brake is released by hand")
        self._brake.release()

    # Findings, as the watches report them.

    def answered(self, board: str) -> None:
        self._hindrances.over(board)
        with self._brake_watched():
            self._brake.answered(board, self._clock.seconds())

    def missed(self, board: str, misses: int) -> bool:
        self._hindrances.over(board)
        if misses < self._figures.misses:
            return False
        with self._brake_watched():
            return self._brake.passes(board, self._clock.seconds())

    def hindered(self, board: str, cause: str) -> None:
        self._hindrances.met(board, cause)

    def ended(self, board: str) -> None:
        self._hindrances.over(board)
        with self._brake_watched():
            self._brake.left(board)
        del self._watches[board]

    @contextmanager
    def _brake_watched(self) -> Iterator[None]:
        """Log it if what is done meanwhile puts the brake on or takes it off."""
        was_on = self._brake.on
        yield
        if self._brake.on and not was_on:
            self._report_brake()
        if was_on and not self._brake.on:
            log.info("the brake is off: boards answer again, or are polled no more")

    def _report_brake(self) -> None:
        log.error(
            "{failing} of {polled} boards failed within {within:g} s; this is taken"
            " for lifeguard's own network, and no more failures are told until"
            " boards answer again or a person releases the brake",
            failing=self._brake.failing,
            polled=self._brake.polled,
            within=WITHIN,
        )
