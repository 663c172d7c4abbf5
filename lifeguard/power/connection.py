"""One TCP connection to a ProXR relay board: a command, its answer, the next.

Answers bear no mark of the command they belong to. So the first thing that is wrong
ends the connection: what might still come would pass for the next command's answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Protocol

from lifeguard.power.errors import (
    Disconnected,
    ForeignAnswer,
    NoAnswer,
    NotSwitched,
    ReadsDisagree,
    RelayError,
    ShortAnswer,
    SurplusAnswer,
)
from lifeguard.wire.proxr import (
    Command,
    Dialect,
    Read,
    Relay,
    Switch,
    WrongAnswer,
    answer_length,
    parse_answer,
)

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime, ITCPTransport
    from twisted.python.failure import Failure


class ProxrConnection(Protocol):
    """Asks one command at a time."""

    transport: ITCPTransport

    def __init__(self, clock: IReactorTime, dialect: Dialect) -> None:
        self._clock, self._dialect = clock, dialect
        self.usable = False
        """Whether another command may be asked."""
        self.lost: Deferred[None] = Deferred()
        """Fires when the connection, once made, has ended."""
        self._command: Command | None = None
        self._answer: Deferred[bool]
        self._received = b""

    def connectionMade(self) -> None:
        self.usable = True

    def ask(self, command: Command, deadline: float) -> Deferred[bool]:
        """Send a command; fires with what `parse_answer` makes of the answer.

        `deadline` is absolute, in seconds of the clock: an answer that trickles in
        does not move it. Fails with a RelayError, and the connection ends with it.
        """
        if not self.usable:
            return fail(Disconnected(f"not connected any more: {command}"))
        self._command, self._received = command, b""
        time_left = max(0.0, deadline - self._clock.seconds())
        answer = self._answer = Deferred(lambda _: self._give_up(command, time_left))
        # Firmware 3.2 loses a command that comes in more than one packet.
        self.transport.write(bytes(command))
        return answer.addTimeout(time_left, self._clock)

    def close(self) -> None:
        """End an idle connection in good order."""
        self.usable = False
        self.transport.loseConnection()

    def abort(self, error: RelayError) -> None:
        """End the connection at once; a command under way fails with `error`."""
        self.usable = False
        self.transport.abortConnection()
        self._fail(error)

    def dataReceived(self, data: bytes) -> None:
        if (command := self._command) is None:
            self.abort(SurplusAnswer(f"{len(data)} bytes came unasked"))
            return
        self._received += data
        surplus = len(self._received) - answer_length(command, self._dialect)
        if surplus > 0:
            self.abort(SurplusAnswer(f"{surplus} bytes too many came after: {command}"))
        elif surplus == 0:
            self._take(command, self._received)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        why = reason.getErrorMessage().rstrip(".")
        self.usable = False
        self._fail(Disconnected(f"{why}, before the answer to: {self._command}"))
        self.lost.callback(None)

    def _take(self, command: Command, answer: bytes) -> None:
        try:
            value = parse_answer(command, answer, self._dialect)
        except WrongAnswer as error:
            self.abort(ForeignAnswer(str(error)))
            return
        self._command = None
        self._answer.callback(value)

    def _fail(self, error: RelayError) -> None:
        if self._command is not None:
            self._command = None
            self._answer.errback(error)

    def _give_up(self, command: Command, seconds: float) -> None:
        if self._received:
            came = f"only {len(self._received)} bytes"
            self.abort(ShortAnswer(f"{came} came within {seconds:g} s: {command}"))
        else:
            self.abort(NoAnswer(f"no answer within {seconds:g} s: {command}"))


async def switch_power(
    relay: Relay, on: bool, connection: ProxrConnection, deadline: float
) -> None:
    """Give power to what hangs on a relay, or take it away, and read that back.

    Raises a RelayError unless two reads agree that it is as it was wanted.
    """
    # Boards hang on the normally closed side: a relay that is on takes their power.
    energised = not on
    await connection.ask(Switch(relay, energised), deadline)
    first = await connection.ask(Read(relay), deadline)
    second = await connection.ask(Read(relay), deadline)
    if first != second:
        raise ReadsDisagree(f"two reads of {relay} disagree")
    if first != energised:
        raise NotSwitched(f"{relay} did not switch {'on' if energised else 'off'}")
