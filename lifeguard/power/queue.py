"""The queue of one relay board: whose turn it is, and what becomes of what fails.

A request is one outlet switched and read back, a few round trips. A power cycle's off
time is no request: it holds nothing up. All requests go before a new cycle's turn, so
what has begun is finished. Only where those that have failed prove nothing more, is a
board that waits given its turn while the relay board is ill: it is the next try.

How long a request waits is no matter while the relay board does what it is asked. What
fails by the relay board's fault is tried again, with a pause after each try, for as
long as it is only suspected; once it is broken, each try fails all that wait.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError,
    fail,
    succeed,
)
from twisted.logger import Logger

from lifeguard.power.condition import Condition
from lifeguard.power.errors import (
    BadOutlet,
    Closed,
    Ill,
    OutletError,
    RelayError,
)
from lifeguard.power.herald import Herald
from lifeguard.power.inrush import Inrush
from lifeguard.power.looks import Look, Looks
from lifeguard.power.requests import Requests
from lifeguard.power.seams import RelayBoardStatus
from lifeguard.power.step import STEP_SECONDS, take
from lifeguard.power.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from lifeguard.model import Outlet, RelayBoard
    from lifeguard.power.condition import Since
    from lifeguard.power.driver import Device
    from lifeguard.power.requests import Request
    from lifeguard.power.step import Found, Step

log = Logger()


class RelayBoardQueue:
    """Takes all requests for a relay board in turn, one at a time."""

    def __init__(
        self, clock: IReactorTime, relay_board: RelayBoard, device: Device
    ) -> None:
        self._clock, self._name, self._device = clock, relay_board.name, device
        self._turns = Turns(relay_board.together)
        self._set_figures(relay_board)
        self._next_device: Device | None = None
        self._condition = Condition(clock.seconds())
        self._herald = Herald(relay_board.name, self._condition)
        self._requests = Requests()
        self._tests: list[Deferred[None]] = []
        self._looks = Looks()
        self._busy = self._closed = False
        self._serving: Deferred[None] = succeed(None)
        self._later: IDelayedCall | None = None
        self._last_success: float | None = None
        self._last_error: str | None = None
        self._last_error_at: float | None = None

    def become(self, relay_board: RelayBoard, device: Device) -> None:
        """Be what the inventory says from now on: all that waits is for `device`.

        What is being asked of the old one comes to its end first.
        """
        self._set_figures(relay_board)
        self._next_device = device
        self._serve_now()

    def _set_figures(self, relay_board: RelayBoard) -> None:
        self.off_seconds = relay_board.off_seconds
        self.patience = relay_board.patience
        self.off_check = relay_board.off_check
        self._inrush = Inrush(relay_board.on_at_once, relay_board.on_apart)
        self._turns.together = relay_board.together

    # What others ask of it; `Switches` says what is promised.

    @property
    def since(self) -> Since:
        return self._condition.since

    def hear(self, listener: Callable[[], None]) -> None:
        self._herald.hear(listener)

    def turn(self, board: Iterable[Outlet], urgent: bool = False) -> Deferred[None]:
        outlets = [one.rest for one in board if one.relay_board == self._name]
        came = self._turns.join(outlets, urgent)
        self._wake()
        return came

    def give_back(self) -> None:
        self._turns.give_back()
        self._wake()

    def switch(self, outlet: Outlet, on: bool, urgent: bool = False) -> Deferred[None]:
        if self._closed:
            return fail(Closed())
        switching = self._requests.add(outlet.rest, on, urgent)
        self._wake()
        return switching

    def read(self, outlet: Outlet) -> Deferred[bool | None]:
        if self._closed:
            return fail(Closed())
        found = self._looks.add(outlet.rest)
        self._wake()
        return found

    def test(self) -> Deferred[None]:
        if self._closed:
            return fail(Closed())
        test: Deferred[None] = Deferred()
        self._tests.append(test)
        self._serve_now()
        return test

    def status(self) -> RelayBoardStatus:
        waiting = self._requests, self._tests, self._turns, self._looks
        return RelayBoardStatus(
            name=self._name,
            state=self.since.state,
            since=self.since.at,
            why=self.since.why,
            connected=self._device.connected,
            waiting=sum(len(each) for each in waiting),
            last_success=self._last_success,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
        )

    def close(self) -> Deferred[None]:
        self._closed = True
        self._forget_later()
        self._condemn(Closed())
        closing = self._device.close()
        self._serving.cancel()
        return closing

    # What comes next, and when.

    def _wake(self) -> None:
        """Serve what there is, unless the relay board is left alone for a while."""
        if self._condition.works or self._later is None:
            self._serve_now()

    def _serve_now(self) -> None:
        self._forget_later()
        if not (self._busy or self._closed):
            self._busy = True
            self._serving = Deferred.fromCoroutine(self._serve())
            self._serving.addErrback(lambda failure: failure.trap(CancelledError))

    def _serve_later(self, seconds: float) -> None:
        self._forget_later()
        self._later = self._clock.callLater(seconds, self._serve_now)

    def _forget_later(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    async def _serve(self) -> None:
        try:
            while not self._closed and await self._serve_one():
                pass
        finally:
            self._busy = False
        self._device.idle()

    async def _serve_one(self) -> bool:
        """Do what comes next; False when there is nothing to do for now."""
        if self._next_device is not None:
            await self._take(self._next_device)
        if self._tests or not self._condition.works:
            await self._test()
        elif not self._requests:
            return self._turns.give() or await self._look()
        if self._later is None and not self._closed:
            await self._serve_next()
        return self._later is None

    async def _take(self, device: Device) -> None:
        """In place of the old one, which may hold the only connection there is."""
        old, self._device, self._next_device = self._device, device, None
        closing = old.close().addTimeout(STEP_SECONDS, self._clock)
        await closing.addErrback(lambda failure: failure.trap(TimeoutError) and None)

    async def _serve_next(self) -> None:
        decides = self._condition.decides if self._condition.is_doubted else None
        if decides and not self._requests.any(decides) and self._give_a_turn(decides):
            return
        if not self._requests:
            return
        pause = self._inrush.wait(self._now)
        if (request := self._requests.take(not pause, decides)) is not None:
            await self._perform(request)
        else:
            self._serve_later(pause)

    def _give_a_turn(self, decides: Callable[[str], bool]) -> bool:
        """Have a board prove that the relay board works; False: rather a request.

        It has sent its request by the next try, or another board has its turn then.
        """
        if not self._turns.give_one(decides, or_any=not self._requests):
            return False
        self._condition.unproved()
        self._serve_later(self._condition.pause())
        return True

    # One at a time.

    async def _perform(self, request: Request) -> None:
        began = self._now
        try:
            await self._ask(partial(self._device.switch, request.outlet, request.on))
        except BadOutlet as error:
            request.fail(error)
        except RelayError as error:
            self._could_not(request, error)
        else:
            self._turns.switched(self._now - began)
            if request.on:
                self._inrush.switched_on(self._now)
            self._condition.switched(request.outlet, self._now)
            self._herald.tell()
            request.succeed()

    async def _test(self) -> None:
        tests, self._tests = self._tests, []
        try:
            await self._ask(self._device.test)
        except RelayError as error:
            if not self._closed:
                self._condition.failed(error, self._now)
                self._failed(error)
            for test in tests:
                test.errback(error)
            return
        self._condition.answered()
        if not (self._requests or self._condition.is_doubted):
            self._condition.recovered(self._now)
            self._herald.tell()
        for test in tests:
            test.callback(None)

    async def _look(self) -> bool:
        """Have a look, if somebody wants to; a quiet one costs nobody anything."""
        if (look := self._looks.take()) is None:
            return False
        try:
            look.succeed(await self._ask(partial(self._device.read, look.outlet)))
        except RelayError as error:
            self._could_not_look(look, error)
        return self._later is None

    async def _ask(self, step: Step[Found]) -> Found:
        """Take a step with the device; what fails because of the end says so."""
        try:
            answer = await take(step, self._clock, self._name)
        except RelayError as error:
            raise (Closed() if self._closed else error) from error
        self._last_success = self._now
        return answer

    # Failures.

    def _could_not(self, request: Request, error: RelayError) -> None:
        if self._closed:
            request.fail(error)
            return
        own = self._condition.outlet_failed(request.outlet, error, self._now)
        self._failed(error)
        if own:
            request.fail(error)
        elif self._condition.broken:
            request.fail(Ill(str(error)))
        else:
            self._requests.put_back(request)

    def _could_not_look(self, look: Look, error: RelayError) -> None:
        look.fail(error)
        if not isinstance(error, BadOutlet | Closed | OutletError):
            self._condition.failed(error, self._now)
            self._failed(error)

    def _failed(self, error: RelayError) -> None:
        self._last_error, self._last_error_at = str(error), self._now
        log.warn("{relay_board}: {error}", relay_board=self._name, error=error)
        self._herald.tell()
        if self._closed or self._condition.works:
            return
        self._serve_later(self._condition.pause())
        if self._condition.broken:
            self._condemn(Ill(str(error)))

    def _condemn(self, error: RelayError) -> None:
        """Fail all that wait: each would only learn the same after another wait."""
        tests, self._tests = self._tests, []
        for request in self._requests.take_all():
            request.fail(error)
        for test in tests:
            test.errback(error)
        for look in self._looks.take_all():
            look.fail(error)

    @property
    def _now(self) -> float:
        return self._clock.seconds()
