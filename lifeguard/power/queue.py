"""The queue of one relay board: whose turn it is, and what its failures condemn.

A request is one outlet switched and read back, a few round trips. A power cycle's off
time is no request: it holds nothing up. Switching on goes before switching off, and
both before a new cycle's turn, so what has begun is finished first.

How long a request waits is no matter while the relay board does what it is asked; it
may have many outlets. The wait has an end all the same, as each request that is
served has one, and all that wait fail when no connection is to be had, or when
nothing has succeeded for PATIENCE_SECONDS.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger

from lifeguard.power.errors import Closed, RelayError, Unreachable
from lifeguard.power.seams import RelayBoardStatus

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import Outlet, RelayBoard
    from lifeguard.power.driver import Device

log = Logger()

REQUEST_SECONDS = 12.0
"""How long one request may hold the queue, with a connection opened for it."""

PATIENCE_SECONDS = 30.0
"""How long one request after the other may fail before all that wait fail too."""


class Step(Protocol):
    """What is done with the device when a request is served."""

    def __call__(
        self, device: Device, deadline: float
    ) -> Coroutine[Deferred[Any], object, None]: ...


@dataclass(eq=False)
class _Request:
    urgency: int
    step: Step
    done: Deferred[None]


_ON, _OFF = range(2)


class RelayBoardQueue:
    """Takes all requests for a relay board in turn, one at a time."""

    def __init__(
        self, clock: IReactorTime, relay_board: RelayBoard, device: Device
    ) -> None:
        self.off_seconds = relay_board.off_seconds
        self._clock, self._name, self._device = clock, relay_board.name, device
        self._waiting: list[_Request] = []
        self._turns: list[Deferred[None]] = []
        self._busy = self._closed = False
        self._serving: Deferred[None] = succeed(None)
        self._patient_until = 0.0
        self._last_success: float | None = None
        self._last_error: str | None = None
        self._last_error_at: float | None = None

    # What others ask of it; `Switches` says what is promised.

    def turn(self) -> Deferred[None]:
        turn: Deferred[None] = Deferred()
        self._turns.append(turn)
        self._wake()
        return turn

    def switch(self, outlet: Outlet, on: bool) -> Deferred[None]:
        return self._request(
            _ON if on else _OFF,
            lambda device, deadline: device.switch(outlet.rest, on, deadline),
        )

    def test(self) -> Deferred[None]:
        return self._request(_OFF, lambda device, deadline: device.test(deadline))

    def status(self) -> RelayBoardStatus:
        return RelayBoardStatus(
            name=self._name,
            connected=self._device.connected,
            waiting=len(self._waiting) + len(self._turns),
            last_success=self._last_success,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
        )

    def close(self) -> Deferred[None]:
        self._closed = True
        self._condemn(Closed())
        closing = self._device.close()
        self._serving.cancel()
        return closing

    # One request at a time.

    def _request(self, urgency: int, step: Step) -> Deferred[None]:
        if self._closed:
            return fail(Closed())
        request = _Request(urgency, step, Deferred())
        self._waiting.append(request)
        self._wake()
        return request.done

    def _wake(self) -> None:
        if not self._busy:
            self._busy = True
            self._be_patient()
            self._serving = Deferred.fromCoroutine(self._serve())
            self._serving.addErrback(lambda failure: failure.trap(CancelledError))

    async def _serve(self) -> None:
        try:
            while self._waiting or self._turns:
                if self._waiting:
                    await self._serve_next()
                else:
                    self._give_turns()
        finally:
            self._busy = False
        self._device.idle()

    def _give_turns(self) -> None:
        turns, self._turns = self._turns, []
        for turn in turns:
            turn.callback(None)

    async def _serve_next(self) -> None:
        request = min(self._waiting, key=attrgetter("urgency"))
        self._waiting.remove(request)
        if not request.done.called:  # else it was taken back
            await self._perform(request)

    async def _perform(self, request: _Request) -> None:
        deadline = self._clock.seconds() + REQUEST_SECONDS
        try:
            await request.step(self._device, deadline)
        except RelayError as error:
            self._failed(error)
            lost = isinstance(error, Unreachable)
            if lost or self._clock.seconds() >= self._patient_until:
                self._waiting.insert(0, request)
                self._condemn(Closed() if self._closed else error)
            else:
                request.done.errback(error)
        else:
            self._last_success = self._clock.seconds()
            self._be_patient()
            request.done.callback(None)

    # Failures.

    def _be_patient(self) -> None:
        self._patient_until = self._clock.seconds() + PATIENCE_SECONDS

    def _failed(self, error: RelayError) -> None:
        self._last_error, self._last_error_at = str(error), self._clock.seconds()
        log.warn("{relay_board}: {error}", relay_board=self._name, error=error)

    def _condemn(self, error: RelayError) -> None:
        """Fail all that wait: each would only learn the same after another wait."""
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            request.done.errback(error)
