"""The line to a relay board: at most one connection, opened when it is needed.

Many relay boards serve one connection at a time, and want a rest after each. So one is
kept for a while when there is nothing to do, in case there soon is, and the next is
opened only when the rest is over. A connection on which something went wrong ends
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from lifeguard.power.connection import Connection, Exchange
from lifeguard.power.errors import Closed, RelayError, Unreachable

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IDelayedCall,
        IReactorTime,
        IStreamClientEndpoint,
    )
    from twisted.python.failure import Failure

OPEN_SECONDS = 5.0
"""How long a relay board may take to accept a connection and answer the greeting."""


class Line:
    """Opens, keeps and closes the one connection to a relay board.

    A connection is of use once `greeting` has been answered. `linger` is how many
    seconds one without work is kept, `rest` how many the relay board is left alone
    after a connection, or after an attempt at one.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        greeting: Exchange[Any],
        linger: float,
        rest: float,
    ) -> None:
        self._clock, self._endpoint, self._greeting = clock, endpoint, greeting
        self._linger, self._rest_seconds = linger, rest
        self._connection: Connection | None = None
        self._rested_at = 0.0
        self._closing: IDelayedCall | None = None

    @property
    def connected(self) -> bool:
        """Whether a connection is open and of use."""
        return self._connection is not None and self._connection.usable

    async def connection(self) -> Connection:
        """The open connection, or a new one on which the greeting was answered.

        Raises Unreachable after the rest and OPEN_SECONDS at the latest.
        """
        self._keep()
        if self._connection is not None and not self._connection.lost.called:
            if self._connection.usable:
                return self._connection
            self._rest()  # it is still ending
        rest = self._rested_at - self._clock.seconds()
        if rest > 0:
            await deferLater(self._clock, rest)
        try:
            return await self._open()
        finally:
            self._rest()

    def linger(self) -> None:
        """There is no work for now; close the connection if that goes on."""
        self._keep()
        if self.connected:
            self._closing = self._clock.callLater(self._linger, self._close_idle)

    def close(self) -> Deferred[None]:
        """End the connection whatever it is doing; fires when it has ended."""
        self._keep()
        if self._connection is None:
            return succeed(None)
        self._connection.abort(Closed())
        return self._connection.lost

    async def _open(self) -> Connection:
        connection = Connection(self._clock)
        connection.lost.addCallback(self._rest)
        deadline = self._clock.seconds() + OPEN_SECONDS
        factory = Factory.forProtocol(lambda: connection)
        factory.noisy = False
        connecting = self._endpoint.connect(factory)
        connecting.addErrback(_unreachable)
        await connecting.addTimeout(OPEN_SECONDS, self._clock, _too_late)
        self._connection = connection
        # Where somebody else has the one connection, ours opens and says nothing.
        try:
            await connection.ask(self._greeting, deadline)
        except Closed:
            raise
        except RelayError as error:
            raise Unreachable(str(error)) from error
        return connection

    def _rest(self, _: object = None) -> None:
        self._rested_at = self._clock.seconds() + self._rest_seconds

    def _keep(self) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        self._closing = None

    def _close_idle(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _unreachable(failure: Failure) -> NoReturn:
    raise Unreachable(f"cannot be reached: {failure.getErrorMessage().rstrip('.')}")


def _too_late(_: object, seconds: float) -> NoReturn:
    raise Unreachable(f"no connection within {seconds:g} s")
