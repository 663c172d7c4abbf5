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
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger

from lifeguard.power.connection import ProxrConnection, switch_power
from lifeguard.power.errors import BadOutlet, Closed, RelayError
from lifeguard.power.line import Line
from lifeguard.power.seams import RelayBoardStatus
from lifeguard.wire.proxr import BadRelay, LinkTest, parse_relay

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

    from lifeguard.model import Outlet, RelayBoard

log = Logger()

REQUEST_SECONDS = 5.0
"""How long one request may hold the queue, once it is sent."""

PATIENCE_SECONDS = 30.0
"""How long one request after the other may fail before all that wait fail too."""

LINGER_SECONDS = 2.0
"""How long a connection is kept beyond the off time of a cycle."""


class Step(Protocol):
    """What is done on the connection when a request is served."""

    def __call__(
        self, connection: ProxrConnection, deadline: float
    ) -> Coroutine[Deferred[bool], object, None]: ...


@dataclass(eq=False)
class _Request:
    urgency: int
    step: Step
    done: Deferred[None]


_ON, _OFF = range(2)


class RelayBoardQueue:
    """Takes all requests for a relay board in turn, on one connection."""

    def __init__(
        self,
        clock: IReactorTime,
        relay_board: RelayBoard,
        endpoint: IStreamClientEndpoint,
    ) -> None:
        self.off_seconds = relay_board.off_seconds
        self._clock, self._name = clock, relay_board.name
        # The off half of a cycle must not lose the connection to somebody else.
        linger = relay_board.off_seconds + LINGER_SECONDS
        self._line = Line(clock, endpoint, relay_board.dialect, linger)
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
        try:
            relay = parse_relay(outlet.rest)
        except BadRelay as error:
            return fail(BadOutlet(str(error)))
        return self._request(_ON if on else _OFF, partial(switch_power, relay, on))

    def test(self) -> Deferred[None]:
        return self._request(_OFF, _link_test)

    def status(self) -> RelayBoardStatus:
        return RelayBoardStatus(
            name=self._name,
            connected=self._line.connected,
            waiting=len(self._waiting) + len(self._turns),
            last_success=self._last_success,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
        )

    def close(self) -> Deferred[None]:
        self._closed = True
        self._condemn(Closed())
        closing = self._line.close()
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
        self._line.linger()

    def _give_turns(self) -> None:
        turns, self._turns = self._turns, []
        for turn in turns:
            turn.callback(None)

    async def _serve_next(self) -> None:
        try:
            connection = await self._line.connection()
        except RelayError as error:
            self._failed(error)
            self._condemn(error)
            return
        request = min(self._waiting, key=attrgetter("urgency"))
        self._waiting.remove(request)
        if not request.done.called:  # else it was taken back
            await self._perform(request, connection)

    async def _perform(self, request: _Request, connection: ProxrConnection) -> None:
        deadline = self._clock.seconds() + REQUEST_SECONDS
        try:
            await request.step(connection, deadline)
        except RelayError as error:
            self._failed(error)
            if self._clock.seconds() >= self._patient_until:
                self._condemn(error)
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


async def _link_test(connection: ProxrConnection, deadline: float) -> None:
    await connection.ask(LinkTest(), deadline)
