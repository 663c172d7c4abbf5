"""Who polls boards in virtual time: the production Poller, or one that leaps.

A leaping poller reckons when the next poll would have been missed, instead of making
all those before it; the brake it asks is the production one. A board of a thousand is
polled eight million times a month, and next to none of these polls tell anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from lifeguard.config.settings import Health
from lifeguard.health.brake import Brake
from lifeguard.health.watch import first_pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.health.figures import HealthFigures
    from lifeguard.health.watch import Watch

FIGURES = Health()
"""How boards are polled: the configuration's defaults."""

LATENCY = 0.01
"""Seconds from a ping to its echo."""


class VirtualProbes:
    """Asks a board by its address; one that does not answer never does.

    `begins` hears of each question.
    """

    def __init__(
        self,
        clock: IReactorTime,
        answers: Callable[[str], bool],
        begins: Callable[[], None],
    ) -> None:
        self._clock, self._answers, self._begins = clock, answers, begins

    def ping(self, address: str) -> Deferred[None]:
        self._begins()
        answer: Deferred[None] = Deferred()
        if self._answers(address):
            self._clock.callLater(LATENCY, self._echo, answer)
        return answer

    def _echo(self, answer: Deferred[None]) -> None:
        if not answer.called:
            answer.callback(None)

    def connect(self, address: str, port: int) -> Deferred[None]:
        return self.ping(address)

    def fetch(self, url: str) -> Deferred[None]:
        raise NotImplementedError("the boards of a virtual lab have no web server")


class LeapingPoller:
    """Watches over boards, and is told when one begins or ceases to answer."""

    def __init__(
        self,
        clock: IReactorTime,
        figures: HealthFigures,
        answering: Callable[[str], bool],
    ) -> None:
        self._clock, self._figures, self._answering = clock, figures, answering
        self._brake = Brake(figures.brake)
        self._watches: dict[str, LeapingWatch] = {}
        self.paused = False

    def watch(
        self,
        board: str,
        address: str,
        checks: tuple[str, ...],
        failed: Callable[[str], None],
    ) -> Watch:
        if board in self._watches:
            self._watches[board].stop()
        watch = LeapingWatch(board, address, self, self._clock, self._figures, failed)
        self._watches[board] = watch
        self._brake.joined(board)
        if not self._answering(address):
            watch.look(False)
        if self.paused:
            watch.pause()
        return watch

    def changed(self, board: str) -> None:
        """The board answers from now on, or no longer."""
        watch = self._watches.get(board)
        if watch is not None and not self.paused:
            watch.look(self._answering(watch.address))

    def pause(self) -> None:
        """No poll is made until `go_on`."""
        self.paused = True
        for watch in self._watches.values():
            watch.pause()

    def go_on(self) -> None:
        """What was due meanwhile is made now."""
        self.paused = False
        for watch in self._watches.values():
            watch.go_on(self._answering(watch.address))

    # What the watches find.

    def passes(self, board: str) -> bool:
        return self._brake.passes(board, self._clock.seconds())

    def answered(self, board: str) -> None:
        self._brake.answered(board, self._clock.seconds())

    def ended(self, board: str) -> None:
        self._brake.left(board)
        del self._watches[board]

    def stopService(self) -> None:
        for watch in tuple(self._watches.values()):
            watch.stop()


class LeapingWatch:
    """The watch over one board: one timer at most, and none while all is well."""

    def __init__(
        self,
        board: str,
        address: str,
        poller: LeapingPoller,
        clock: IReactorTime,
        figures: HealthFigures,
        failed: Callable[[str], None],
    ) -> None:
        self.address = address
        self._board, self._poller, self._failed = board, poller, failed
        self._clock, self._figures = clock, figures
        self._next = clock.seconds() + first_pause(board, figures.every)
        """When a poll is made; others are at all multiples of `every` from then."""
        self._answers, self._over = True, False
        """What the polls that are reckoned with will find."""
        self._held: tuple[float, float] | None = None
        """While paused: when a poll was due, and when the last one was to be missed."""
        # The first poll may be what takes the brake off, or keeps it from going on.
        self._call = clock.callLater(self._until_poll(), self._answered)

    def stop(self) -> None:
        if not self._over:
            self._end()

    def look(self, answers: bool) -> None:
        """What polls meet has changed: reckon what they will come to."""
        self._drop_call()
        self._answers = answers
        if answers:
            self._call = self._clock.callLater(self._figures.retry, self._answered)
        else:
            misses = self._figures.timeout + (self._figures.misses - 1) * self._pause
            self._call = self._clock.callLater(self._until_poll() + misses, self._miss)

    def pause(self) -> None:
        """The next poll waits; one under way is finished."""
        now = self._clock.seconds()
        self._next = now + self._until_poll()
        if self._answers:
            return
        end = self._call.getTime()
        first = end - self._figures.timeout - (self._figures.misses - 1) * self._pause
        polls = [first + n * self._pause for n in range(self._figures.misses)]
        if due := [poll for poll in polls if poll > now]:
            self._held = due[0], end
            self._drop_call()

    def go_on(self, answers: bool) -> None:
        """A poll that has waited is made now, and those after it so much later."""
        now, held = self._clock.seconds(), self._held
        self._next, self._held = max(self._next, now), None
        if answers != self._answers:
            self.look(answers)
        elif held is not None:
            poll, end = held
            self._call = self._clock.callLater(end - min(now, poll), self._miss)

    @property
    def _pause(self) -> float:
        """Seconds from one missed poll to the next."""
        return self._figures.retry + self._figures.timeout

    def _until_poll(self) -> float:
        left = self._next - self._clock.seconds()
        return left if left > 0 else left % self._figures.every

    def _answered(self) -> None:
        self._poller.answered(self._board)

    def _miss(self) -> None:
        if not self._poller.passes(self._board):
            self._call = self._clock.callLater(self._pause, self._miss)
            if self._poller.paused:
                self.pause()
            return
        self._end()
        self._failed("no answer to its last polls")

    def _end(self) -> None:
        self._over = True
        self._drop_call()
        self._poller.ended(self._board)

    def _drop_call(self) -> None:
        if self._call.active():
            self._call.cancel()
