"""A process of the test's own, which never outlives it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from .debian import program


class Child(ProcessProtocol):
    """Runs `command`, whose first word is a path; `output` gets what it prints.

    `ended` fires when it is gone. Should this process die, the kernel kills it.
    """

    def __init__(
        self,
        reactor: IReactorProcess,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        setpriv = program("setpriv", "util-linux")
        arguments = ["setpriv", "--pdeathsig", "KILL", *command]
        with open(os.devnull, "rb") as nothing, output.open("ab") as log:
            files = {0: nothing.fileno(), 1: log.fileno(), 2: log.fileno()}
            reactor.spawnProcess(
                self, setpriv, arguments, env=environment, childFDs=files
            )

    def signal(self, name: str) -> None:
        """Send the signal of that name, unless the process is gone."""
        assert self.transport is not None
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)

    def processEnded(self, reason: Failure) -> None:
        """Why it ended stands in its output."""
        self.ended.callback(None)
