"""`twistd lifeguard --demo`: a simulated lab and the daemon that manages it.

The simulator is a process of its own; it ends with this one, whose end of the pipe it
watches, and this one ends when it does.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from lifeguard.config import ConfigurationError, load
from lifeguard.event import Refused
from lifeguard.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twisted.internet.interfaces import IProcessTransport
    from twisted.python.failure import Failure

    from lifeguard.config import Configuration
    from lifeguard.daemon import Daemon
    from lifeguard.fleet import Fleet
    from lifeguard.model import Change

log = Logger()

IMAGE = "debian"


class Simulator(ProcessProtocol):
    """The simulator's process: ready after its first line."""

    transport: IProcessTransport

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[str] = Deferred()
        """Fires with the reason, in words."""
        self._said = b""

    def end(self) -> None:
        """Close the pipe that it watches."""
        self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self._said += data
        if b"\n" in self._said and not self.ready.called:
            log.info("{line}", line=self._said.decode().strip())
            self.ready.callback(None)

    def errReceived(self, data: bytes) -> None:
        for line in data.decode(errors="replace").splitlines():
            log.error("{line}", line=line)

    def processEnded(self, reason: Failure) -> None:
        reason.trap(ProcessDone, ProcessTerminated)
        self.ended.callback(f"the simulator has ended: {reason.getErrorMessage()}")


class Demo(MultiService):
    """Reimages every board of a simulated lab, faults and all.

    `build` makes the daemon of a configuration; `ended` hears why the demo is over,
    None when `once` has seen all boards Ready.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        arguments: list[str],
        build: Callable[[Configuration], Daemon],
        ended: Callable[[str | None], None],
        *,
        once: bool,
    ) -> None:
        super().__init__()
        self._reactor, self._directory, self._arguments = reactor, directory, arguments
        self._build, self._ended, self._once = build, ended, once
        self._simulator: Simulator | None = None
        self._began = 0.0
        self._was_ready = False

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(Deferred.fromCoroutine, self._run())

    def stopService(self) -> Deferred[None]:
        """First the daemon, which may have boards to switch on, then the simulator."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(super().stopService)
        if self._simulator is not None:
            self._simulator.end()
            await self._simulator.ended

    async def _run(self) -> None:
        self._simulator = simulator = Simulator()
        simulator.ended.addCallback(self._simulator_ended)
        command = [sys.executable, "-m", "lifeguard.simulator", str(self._directory)]
        self._reactor.spawnProcess(
            simulator, command[0], [*command, *self._arguments], env=None
        )
        await simulator.ready
        try:
            configuration = load(self._directory / "lifeguard.toml")
        except ConfigurationError as error:
            self._ended(str(error))
            return
        daemon = self._build(configuration)
        daemon.setServiceParent(self)
        await daemon.started
        self._say_where_to_look(daemon.configuration)
        self._began = self._reactor.seconds()
        daemon.fleet.subscribe(partial(self._look, daemon.fleet))
        for board in daemon.fleet.boards:
            Deferred.fromCoroutine(self._reimage(daemon.fleet, board))

    async def _reimage(self, fleet: Fleet, board: str) -> None:
        try:
            await fleet.request(board, "rq-reimage", {"image": IMAGE}, "demo")
        except (Refused, StoreUnavailable) as error:
            log.warn("{board}: no reimage: {error}", board=board, error=error)

    def _look(self, fleet: Fleet, _: Change) -> None:
        states = [board.standing.state for board in fleet.boards.values()]
        all_ready = all(state == "Ready" for state in states)
        if all_ready and not self._was_ready:
            log.info(
                "all {count} boards are Ready after {seconds:.0f} s",
                count=len(states),
                seconds=self._reactor.seconds() - self._began,
            )
            if self._once:
                self._ended(None)
        self._was_ready = all_ready

    def _simulator_ended(self, reason: str) -> None:
        if self.running:
            self._ended(reason)

    def _say_where_to_look(self, configuration: Configuration) -> None:
        shell = "none"
        if configuration.manhole is not None:
            port = configuration.manhole.listen.split(":")[1]
            key = self._directory / "manhole_key"
            shell = f"ssh -p {port} -i {key} 127.0.0.1"
        url = configuration.server.url
        for what, where in (
            ("boards", f"curl {url}/api/v1/boards"),
            ("shell", shell),
            ("files", str(self._directory)),
        ):
            log.info("{what:<7}{where}", what=what, where=where)
