"""A machine that is a process: it runs while it has power."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorProcess

from .child import Child


class Emulator:
    """QEMU as `command` says, whose own complaints go to `output`."""

    def __init__(
        self, reactor: IReactorProcess, command: Sequence[str], output: Path
    ) -> None:
        self._reactor, self._command, self._output = reactor, command, output
        self._child: Child | None = None
        self._gone: Deferred[None] = succeed(None)

    def power_on(self) -> None:
        """Start QEMU, once the one before it has let go of the disk."""
        self._gone.addCallback(self._start)

    def _start(self, _: None) -> None:
        self._child = Child(self._reactor, self._command, self._output)
        self._gone = self._child.ended

    def power_off(self) -> Deferred[None]:
        """Kill QEMU, as a power cut would; fires when it is gone."""
        if self._child is not None:
            self._child.signal("KILL")
        return self._gone

    def hang(self) -> None:
        """Stop the machine in its tracks, until the power is cut."""
        assert self._child is not None
        self._child.signal("STOP")
