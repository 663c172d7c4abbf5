"""One poll of a board: it waits for its turn, then each check has its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from lifeguard.health.checks import CannotPoll, Missed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.health.checks import Check, Probes

log = Logger()


class Polls:
    """Makes polls, at most `at_once` of them; those beyond queue.

    A check that is not answered within `timeout` seconds is missed. One that breaks
    as no probe should could not be made: that is a fault of ours, never the board's.
    """

    def __init__(
        self, clock: IReactorTime, probes: Probes, timeout: float, at_once: int
    ) -> None:
        self._clock = clock
        self._probes = probes
        self._timeout = timeout
        self._turns = DeferredSemaphore(at_once)
        self._faults: set[str] = set()
        self._paused: list[Deferred[None]] | None = None
        """While polls are paused: those that wait."""

    def pause(self) -> None:
        """Begin no poll until `go_on`; those under way are finished."""
        if self._paused is None:
            self._paused = []

    def go_on(self) -> None:
        """Begin what has waited."""
        waiting, self._paused = self._paused or [], None
        for poll in waiting:
            if not poll.called:  # it was cancelled
                poll.callback(None)

    async def poll(self, address: str, checks: Iterable[Check]) -> None:
        """Return when the board has answered all checks.

        Missed names the first that it did not answer; CannotPoll one that could
        not be made while all others were answered.
        """
        async with self._turns:
            # A turn may come from the end of another poll. Were a thousand queued,
            # and all failed on the spot, their calls would nest a thousand deep.
            await deferLater(self._clock, 0)
            await self._go_ahead()
            await self._ask_all(address, checks)

    def _go_ahead(self) -> Deferred[None]:
        if self._paused is None:
            return succeed(None)
        self._paused.append(Deferred())
        return self._paused[-1]

    async def _ask_all(self, address: str, checks: Iterable[Check]) -> None:
        hindrance: CannotPoll | None = None
        for check in checks:
            try:
                await self._ask(address, check)
            except Missed as miss:
                raise Missed(f"{check}: {miss}") from miss
            except CannotPoll as error:
                hindrance = CannotPoll(f"{check}: {error}")
        if hindrance is not None:
            raise hindrance

    async def _ask(self, address: str, check: Check) -> None:
        try:
            asking = check.poll(address, self._probes)
            await asking.addTimeout(self._timeout, self._clock, _no_answer)
        except (Missed, CannotPoll, CancelledError):
            raise
        except Exception as error:
            fault = f"a fault of lifeguard ({type(error).__name__})"
            self._log_once(f"{check}: {fault}", Failure())
            raise CannotPoll(fault) from error

    def _log_once(self, fault: str, failure: Failure) -> None:
        """All boards may meet one fault, at every poll."""
        if fault not in self._faults:
            self._faults.add(fault)
            log.failure("a poll broke: {fault}", failure, fault=fault)


def _no_answer(_: object, seconds: float) -> Failure:
    return Failure(Missed(f"no answer within {seconds:g} s"))
