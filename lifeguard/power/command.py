"""A command that is run to its end, or killed with all that it has started."""

from __future__ import annotations

import os
from contextlib import suppress
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.protocol import ProcessProtocol

from lifeguard.power.errors import NoAnswer, Unreachable, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.interfaces import IDelayedCall, IProcessTransport
    from twisted.python.failure import Failure

LAST_WORDS_SECONDS = 0.2
"""How long an output may still come when its command has ended: what the command has
started may hold it open for ever, and is none of ours."""

OUTPUT_BYTES = 1 << 16
"""What is kept of an output; what comes after that is dropped."""

SHOWN = 100
"""How many characters of an output stand in an error."""


class Output(NamedTuple):
    """What a command came to; `exit_code` None: a signal ended it."""

    exit_code: int | None
    out: str
    err: str

    def __str__(self) -> str:
        """The last line, which is where programs say what went wrong."""
        lines = (self.err.strip() or self.out.strip() or "no output").splitlines()
        end = "killed" if self.exit_code is None else f"exit code {self.exit_code}"
        return f"{end}: {printable(' '.join(lines[-1].split())[:SHOWN])}"


async def run(
    reactor: Any,
    command: Sequence[str],
    deadline: float,
    files: Mapping[int, int | str] | None = None,
    directory: str | None = None,
) -> Output:
    """Run `command` in a session of its own, with our environment.

    Only its name stands in errors, as arguments may be secret. `files` are its open
    ones, as in `spawnProcess`. NoAnswer at the deadline; then it has been killed.
    """
    time_left = max(0.0, deadline - reactor.seconds())
    running = _Running(reactor)
    try:
        reactor.spawnProcess(
            running,
            "setsid",
            ["setsid", "--", *command],
            env=None,
            path=directory,
            childFDs=files or {0: "w", 1: "r", 2: "r"},
        )
    except OSError as error:
        raise Unreachable(f"{command[0]} cannot be run: {error.strerror}") from None

    def overdue(_: object, seconds: float) -> Output:
        if (output := running.output) is None:
            raise NoAnswer(f"{command[0]} did not end within {seconds:.3g} s")
        return output

    return await running.ended.addTimeout(time_left, reactor, overdue)


class _Running(ProcessProtocol):
    transport: IProcessTransport

    def __init__(self, reactor: Any) -> None:
        self.ended: Deferred[Output] = Deferred(lambda _: self._give_up())
        self._reactor = reactor
        self._exited: Failure | None = None
        self._waiting: IDelayedCall | None = None
        self._said = {1: b"", 2: b""}

    @property
    def output(self) -> Output | None:
        """What it has come to, once it has ended."""
        if self._exited is None:
            return None
        reason = self._exited.value
        assert isinstance(reason, ProcessTerminated | ProcessDone)
        out, err = (text.decode(errors="replace") for text in self._said.values())
        return Output(reason.exitCode, out, err)

    def connectionMade(self) -> None:
        # `setsid` makes it the leader of a group, by which all of it can be killed.
        self._group = int(self.transport.pid)
        self.transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._said[childFD] = (self._said[childFD] + data)[:OUTPUT_BYTES]

    def processExited(self, reason: Failure) -> None:
        self._exited = reason
        self._waiting = self._reactor.callLater(LAST_WORDS_SECONDS, self._hang_up)

    def processEnded(self, reason: Failure) -> None:
        self._wait_no_more()
        self._end()

    def _give_up(self) -> None:
        self._wait_no_more()
        if self._exited is None:
            self._kill()
        # What it has started, and has left its group, may hold these open for ever.
        self.transport.loseConnection()

    def _hang_up(self) -> None:
        self.transport.loseConnection()
        self._end()

    def _wait_no_more(self) -> None:
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()

    def _end(self) -> None:
        if (output := self.output) is not None and not self.ended.called:
            self.ended.callback(output)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._group, SIGKILL)
        with suppress(ProcessExitedAlready):  # it was not yet the leader of a group
            self.transport.signalProcess("KILL")
