"""One simulated board: what runs on it from power on until the power is cut.

A life is one coroutine, and cutting the power cancels it: timers, transfers and
connections go with it. The disk alone outlasts a power cut. Seconds are those of a
lab in a hurry: a reboot takes about one and a half, a reimage four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NoReturn, Protocol

from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.simulator.artifacts import Artifact, ArtifactError, read_artifact
from lifeguard.simulator.events import Refused
from lifeguard.simulator.pxelinux import Netboot, parse_config, search_list
from lifeguard.simulator.transfer import NotFound, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from twisted.internet.interfaces import IListeningPort, IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.simulator.faults import Faults
    from lifeguard.simulator.plan import PlannedBoard

FIRMWARE_SECONDS = 0.3
"""From power on to the first request; twice this is a reset."""
RETRY_SECONDS = 0.3
"""From a transfer that failed to the next, with `netretry`."""
START_SECONDS = 0.4
"""From a loaded kernel to its init script."""
WORK_SECONDS = 0.3
"""One step of an installation or of a self-test."""
INSTALL_STEPS = 4

log = Logger()

Runs = Literal[
    "off", "loader", "installer", "self-test", "maintenance", "system", "hung"
]

Stage = Literal["loader", "installer", "system"]
"""How far a board comes that is dead: it hangs there, boot after boot."""


class Disk(Struct, frozen=True):
    """An installed image, and where its init script reports, without a token."""

    image: str
    events_url: str


class Network(Protocol):
    """What a board does with its network interface; each Deferred can be cancelled."""

    def fetch(self, name: str) -> Deferred[bytes]:
        """A file by TFTP; fails with TransferError."""

    def report(self, url: str, event: str, token: str | None) -> Deferred[None]:
        """An event by HTTP; fails with Refused."""

    def open_service(self) -> IListeningPort:
        """The TCP port that answers while the system is up."""


class Board:
    """Starts without power and with an empty disk. `dead`: how far it ever comes.

    With `netretry` the loader asks a TFTP server that fails for ever, as U-Boot does
    where that variable says "yes"; else the disk is next.
    """

    def __init__(
        self,
        planned: PlannedBoard,
        network: Network,
        clock: IReactorTime,
        faults: Faults,
        random: Random,
        changed: Callable[[], None],
        *,
        dead: Stage | None = None,
        netretry: bool = False,
    ) -> None:
        self.planned = planned
        self.runs: Runs = "off"
        self.disk: Disk | None = None
        self._network = network
        self._clock = clock
        self._faults = faults
        self._random = random
        self._changed = changed
        self._dead = dead
        self._netretry = netretry
        self._life: Deferred[None] | None = None

    @property
    def powered(self) -> bool:
        return self._life is not None

    def power_on(self) -> None:
        """Boot, unless there was power before."""
        if self._life is None:
            self._life = Deferred.fromCoroutine(self._live())
            self._life.addErrback(self._ended)

    def power_off(self) -> None:
        """Stop everything at once; nothing is told to anybody."""
        if self._life is not None:
            life, self._life = self._life, None
            life.cancel()
            self._enter("off")

    def _ended(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            log.failure("{board} broke", failure, board=self.planned.name)
            self._enter("hung")

    def _enter(self, runs: Runs) -> None:
        self.runs = runs
        self._changed()

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds * self._random.uniform(0.8, 1.2))

    async def _hang(self, why: str) -> NoReturn:
        log.info("{board} hangs: {why}", board=self.planned.name, why=why)
        self._enter("hung")
        await self._for_ever()

    async def _for_ever(self) -> NoReturn:
        await Deferred[None]()
        raise AssertionError("only a power cut ends this")

    async def _live(self) -> None:
        while True:
            await self._boot()

    async def _boot(self) -> None:
        """One boot; returns when what was booted resets the board."""
        self._enter("loader")
        await self._pause(FIRMWARE_SECONDS)
        if self._dead == "loader" or self._random.random() < self._faults.hang:
            await self._hang("in the boot loader")
        loaded = await self._load_from_network()
        if loaded is None:
            return await self._run_disk()
        await self._pause(START_SECONDS)
        try:
            await self._run(*loaded)
        except Refused as refused:
            log.info("{board}: {error}", board=self.planned.name, error=refused)
            await self._run_disk()

    async def _load_from_network(self) -> tuple[Artifact, dict[str, str]] | None:
        """A kernel and its command line; None is the disk."""
        try:
            netboot = await self._find_netboot()
            if netboot is None:
                return None
            return await self._load(netboot), netboot.command_line
        except (TransferError, ArtifactError) as error:
            # As U-Boot does: whatever went wrong, the disk is next.
            log.info("{board}: {error}", board=self.planned.name, error=error)
            return None

    async def _find_netboot(self) -> Netboot | None:
        """The first name of the search list that is there decides."""
        for name in search_list(self.planned.mac, self.planned.address):
            try:
                config = await self._fetch(name)
            except NotFound:
                continue
            return parse_config(config.decode("utf-8", "replace"))
        return None

    async def _load(self, netboot: Netboot) -> Artifact:
        """Read what the label names, the initrd first, and look at every byte."""
        if netboot.initrd is not None:
            read_artifact(await self._fetch(netboot.initrd))
        return read_artifact(await self._fetch(netboot.kernel))

    async def _fetch(self, name: str) -> bytes:
        while True:
            try:
                return await self._network.fetch(name)
            except TransferError as error:
                if isinstance(error, NotFound) or not self._netretry:
                    raise
                await self._pause(RETRY_SECONDS)

    async def _run(self, artifact: Artifact, command_line: dict[str, str]) -> None:
        url = command_line.get("lifeguard.url", "")
        if not url.startswith("http://"):
            await self._hang("it was not told where to report")
        script = _Script(self._network, url, command_line.get("lifeguard.token"))
        match artifact.kind:
            case "installer":
                await self._install(artifact.image, script)
            case "self-test":
                await self._test_itself(script)
            case "maintenance":
                await self._serve_maintenance(script)
            case other:
                await self._hang(f"{other!r} is no kernel")

    async def _install(self, image: str, script: _Script) -> None:
        self._enter("installer")
        await script.report("installer-running")
        self.disk = None
        for step in range(INSTALL_STEPS):
            await self._pause(WORK_SECONDS)
            if self._dies_installing():
                await self._hang(f"installing, step {step}")
            await script.report("install-progress")
        self.disk = Disk(image, script.url)
        await script.report("install-ok")

    def _dies_installing(self) -> bool:
        rate = self._faults.die / INSTALL_STEPS
        return self._dead == "installer" or self._random.random() < rate

    async def _test_itself(self, script: _Script) -> None:
        self._enter("self-test")
        await script.report("self-test-running")
        await self._pause(WORK_SECONDS)
        await script.report("self-test-ok")
        await self._for_ever()

    async def _serve_maintenance(self, script: _Script) -> None:
        self._enter("maintenance")
        await script.report("maintenance-running")
        await self._for_ever()

    async def _run_disk(self) -> None:
        if self.disk is None:
            await self._hang("nothing to boot")
        await self._pause(START_SECONDS)
        if self._dead == "system":
            await self._hang("its image never comes up")
        self._enter("system")
        service = self._network.open_service()
        try:
            await self._report_up(_Script(self._network, self.disk.events_url, None))
            await self._for_ever()
        finally:
            service.stopListening()

    async def _report_up(self, script: _Script) -> None:
        try:
            await script.report("image-running")
        except Refused as refused:
            # An init script has nothing better to do than to go on.
            log.info("{board}: {error}", board=self.planned.name, error=refused)


class _Script:
    """An init script that knows where to report, and with which token."""

    def __init__(self, network: Network, url: str, token: str | None) -> None:
        self.url = url
        self._network = network
        self._token = token

    def report(self, event: str) -> Deferred[None]:
        return self._network.report(self.url, event, self._token)
