"""One TCP connection to a relay board: a request, its answer, the next.

Answers may bear no mark of the request they belong to. So the first thing that is
wrong ends the connection: what might still come would pass for the next answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Protocol

from lifeguard.power.errors import (
    Disconnected,
    ForeignAnswer,
    NoAnswer,
    RelayError,
    ShortAnswer,
    SurplusAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime, ITCPTransport
    from twisted.python.failure import Failure

Value = TypeVar("Value")


class Exchange(NamedTuple, Generic[Value]):
    """A request, and how its answer is read; a ValueError says: that is none."""

    text: str
    """What is asked, for people."""
    request: bytes
    length: Callable[[bytes], int | None]
    """Of what has come: how long the whole answer is; None: too little to tell."""
    parse: Callable[[bytes], Value]
    """Of an answer as long as that."""


class Connection(Protocol):
    """Asks one thing at a time."""

    transport: ITCPTransport

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.usable = False
        """Whether something else may be asked."""
        self.lost: Deferred[None] = Deferred()
        """Fires when the connection, once made, has ended."""
        self._exchange: Exchange[Any] | None = None
        self._answer: Deferred[Any]
        self._received = b""

    def connectionMade(self) -> None:
        self.usable = True

    def ask(self, exchange: Exchange[Value], deadline: float) -> Deferred[Value]:
        """Send a request; fires with what the exchange makes of the answer.

        `deadline` is absolute, in seconds of the clock: an answer that trickles in
        does not move it. Fails with a RelayError, and the connection ends with it.
        """
        if not self.usable:
            return fail(Disconnected(f"not connected any more: {exchange.text}"))
        self._exchange, self._received = exchange, b""
        time_left = max(0.0, deadline - self._clock.seconds())
        answer: Deferred[Value]
        answer = self._answer = Deferred(lambda _: self._give_up(exchange, time_left))
        # ProXR's firmware 3.2 loses a request that comes in more than one packet.
        self.transport.write(exchange.request)
        return answer.addTimeout(time_left, self._clock)

    def close(self) -> None:
        """End an idle connection in good order."""
        self.usable = False
        self.transport.loseConnection()

    def abort(self, error: RelayError) -> None:
        """End the connection at once; a request under way fails with `error`."""
        self.usable = False
        self.transport.abortConnection()
        self._fail(error)

    def dataReceived(self, data: bytes) -> None:
        if (exchange := self._exchange) is None:
            self.abort(SurplusAnswer(f"{len(data)} bytes came unasked"))
            return
        self._received += data
        try:
            self._take(exchange)
        except ValueError as error:
            self.abort(ForeignAnswer(str(error)))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        why = reason.getErrorMessage().rstrip(".")
        self.usable = False
        if self._exchange is not None:
            text = self._exchange.text
            self._fail(Disconnected(f"{why}, before the answer to: {text}"))
        self.lost.callback(None)

    def _take(self, exchange: Exchange[Any]) -> None:
        length = exchange.length(self._received)
        if length is None or len(self._received) < length:
            return
        if surplus := len(self._received) - length:
            text = f"{surplus} bytes too many came after: {exchange.text}"
            self.abort(SurplusAnswer(text))
            return
        value = exchange.parse(self._received)
        self._exchange = None
        self._answer.callback(value)

    def _fail(self, error: RelayError) -> None:
        if self._exchange is not None:
            self._exchange = None
            self._answer.errback(error)

    def _give_up(self, exchange: Exchange[Any], seconds: float) -> None:
        if self._received:
            came = f"only {len(self._received)} bytes"
            self.abort(
                ShortAnswer(f"{came} came within {seconds:g} s: {exchange.text}")
            )
        else:
            self.abort(NoAnswer(f"no answer within {seconds:g} s: {exchange.text}"))
