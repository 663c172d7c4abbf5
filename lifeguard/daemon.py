"""The daemon: everything a configuration asks for, put together and started.

The ports of netboot are bound first, while lifeguard may still be root; then the store
is opened, and only when every board stands where it was saved does anything move.
Stopping goes the other way: begun power cycles are finished before the store is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from lifeguard import garbage
from lifeguard.alerts import Alerts
from lifeguard.blame.docket import Docket
from lifeguard.blame.inquiry import Inquiry
from lifeguard.changeover import Changeover
from lifeguard.clock import ServiceTime, WallClock
from lifeguard.endpoints import CannotOpen
from lifeguard.fleet import Fleet
from lifeguard.front_ends import FrontEnds
from lifeguard.health.network import Network, board_agent
from lifeguard.health.pinger import Pinger
from lifeguard.health.poller import Poller
from lifeguard.housekeeping import Housekeeping
from lifeguard.inventory.reload import Reload
from lifeguard.metrics import Metrics
from lifeguard.netboot.parameters import Server
from lifeguard.netboot.tokens import Tokens
from lifeguard.netboot_service import NetbootService
from lifeguard.notify import Notifier
from lifeguard.operators import Operators
from lifeguard.own_token import EmptyToken, own_token
from lifeguard.power import Power, RelayBoardQueue
from lifeguard.power.driver import Surroundings
from lifeguard.power.relay_boards import RelayBoards
from lifeguard.store import SqlStore, StoreError, WorkerThreads
from lifeguard.web import World
from lifeguard.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from twisted.python.failure import Failure

    from lifeguard.config import Configuration
    from lifeguard.inventory.difference import Difference
    from lifeguard.model import Inventory, Saved, Standing
    from lifeguard.web.world import Files

log = Logger()

Result = TypeVar("Result")

_KNOWN_REASONS = (CannotOpen, EmptyToken, OSError, StoreError)


class Daemon(Service):
    """One lab, kept alive; `failed` hears in one line why it cannot be.

    `state_dir` holds the database, the keys and the operator's token. `read_again` is
    called in a thread, and says what the configuration is by then.
    """

    def __init__(
        self,
        configuration: Configuration,
        state_dir: Path,
        reactor: Any,
        wall: WallClock,
        failed: Callable[[str], None],
        read_again: Callable[[], Configuration],
    ) -> None:
        self._read_again = read_again
        self.configuration, self.state_dir = configuration, state_dir
        self._reactor, self._wall, self._failed = reactor, wall, failed
        self.started: Deferred[None] = Deferred()
        """Fires when all boards stand and all ports are open; never if they cannot."""
        self._starting: Deferred[None] | None = None

        inventory = configuration.inventory
        self._service_time = ServiceTime(reactor)
        self._store = SqlStore(
            configuration.server.database_url(state_dir),
            clock=reactor,
            service_seconds=self._service_time.stamp,
            threads=WorkerThreads(reactor),
            replaced=failed,
        )
        self._pinger = Pinger(reactor)
        probes = Network(reactor, self._pinger, board_agent(reactor))
        self.poller = Poller(reactor, configuration.health, probes)
        self.fleet = Fleet(
            inventory,
            self._store,
            self.poller,
            reactor,
            self._service_time,
            wall,
            configuration.server.resume_rate,
            Docket(configuration.blame.patience),
            sees_boots=configuration.tftp.mode == "serve",
        )
        self._relay_boards = RelayBoards(
            inventory.relay_boards.values(),
            Surroundings(reactor, state_dir),
            self._relay_board_changed,
        )
        self.power = Power(reactor, self._relay_boards.queues, self.fleet)
        self._server = Server(configuration.server.name, configuration.server.url)
        self._alerts = Alerts(
            configuration.alerts,
            self.fleet,
            self._store,
            reactor,
            self._service_time,
            wall,
            self._server,
            lambda: self._notifier.tell(),
        )
        self._notifier = Notifier(self._store, reactor, self._alerts)
        self._inquiry = Inquiry(
            self.fleet,
            self._store,
            configuration.blame,
            reactor,
            self._service_time,
            wall,
            self._notifier.tell,
        )
        self._housekeeping = Housekeeping(
            self._store, reactor, wall, configuration.server.history_days
        )
        self._netboot = NetbootService(
            configuration, self.fleet, self._server, reactor, wall
        )
        self._metrics = Metrics(
            self.fleet,
            self._store,
            self.power,
            self._netboot.totals,
            self._alerts,
            reactor,
        )
        self._front_ends = FrontEnds(
            configuration.http, configuration.manhole, state_dir, reactor
        )
        self._changeover = Changeover(
            self.fleet,
            self.power,
            self._relay_boards,
            self._inquiry,
            [self._netboot],
        )
        self._reload = Reload(
            configuration, self._read, self.fleet, self.power, self._store, self._make
        )
        self._leftovers = garbage.Leftovers()

    # Starting.

    def privilegedStartService(self) -> None:
        """Bind what may need root."""
        super().privilegedStartService()
        self._pinger.privilegedStartService()
        self._netboot.privilegedStartService()

    def startService(self) -> None:
        super().startService()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._cannot_start)

    async def _start(self) -> None:
        self._netboot.startService()
        saved = await self._store.open()
        await self._front_ends.open(self._loaded(saved))
        self._begin(saved)
        log.info(
            "{boards}, {relay_boards}",
            boards=plural(len(self.fleet.boards), "board"),
            relay_boards=plural(len(self._relay_boards.queues), "relay board"),
        )
        garbage.settle()
        self.started.callback(None)

    def _loaded(self, saved: Saved) -> World:
        """The lab as it was saved; nothing of it moves yet."""
        self._service_time.start(saved.service_seconds)
        self.fleet.load(saved, self.power)
        self._inquiry.load(saved)
        self.fleet.subscribe(self._inquiry.changed)
        tokens = Tokens(saved.token_key)
        files = self._netboot.load(tokens, saved.boots)
        own = own_token(self.state_dir)
        operators = Operators(saved.operators, own, self._store, self._wall)
        self._housekeeping.subscribe(operators.forget)
        return self._world(files, tokens, operators)

    def _world(self, files: Files, tokens: Tokens, operators: Operators) -> World:
        return World(
            fleet=self.fleet,
            store=self._store,
            power=self.power,
            poller=self.poller,
            inquiry=self._inquiry,
            alerts=self._alerts,
            reload=self._reload,
            files=files,
            tokens=tokens,
            operators=operators,
            server=self._server,
            metrics=self._metrics,
            clock=self._reactor,
            service_time=self._service_time,
            wall=self._wall,
        )

    def _begin(self, saved: Saved) -> None:
        """From now on boards move, and lifeguard with them."""
        for service in (
            self._pinger,
            self.poller,
            self.power,
            self.fleet,
            self._housekeeping,
            self._metrics,
        ):
            service.startService()
        self.fleet.subscribe(self._notifier.changed)
        for presence in (self._notifier, self.power, self._inquiry, self._alerts):
            self._store.tell(presence)
        self._notifier.tell()
        self._alerts.start(saved)
        resuming = self.fleet.resume(saved, self.power)
        self._inquiry.begin(saved)
        resuming.addCallback(lambda _: garbage.settle())

    def _cannot_start(self, failure: Failure) -> None:
        """Anything but a known reason is a fault of ours, and logged whole."""
        if failure.check(CancelledError):
            return
        if not failure.check(*_KNOWN_REASONS):
            log.failure("the start failed", failure)
        self._failed(str(failure.value) or repr(failure.value))

    # While it runs.

    def _relay_board_changed(self, name: str, queue: RelayBoardQueue) -> None:
        self._inquiry.relay_board_is(name, queue.since.state, queue.since.why)

    def hang_up(self) -> None:
        """The configuration may have changed: read it again, once all boards stand."""
        if not self.started.called:
            self.started.addCallback(lambda _: self.hang_up())
        elif self.running:
            Deferred.fromCoroutine(self._reload.hang_up())

    async def _read(self) -> Configuration:
        """In a thread, and with no look for garbage among ten thousand new records."""
        pool = self._reactor.getThreadPool()
        with garbage.paused():
            return await deferToThreadPool(self._reactor, pool, self._read_again)

    def _make(
        self,
        inventory: Inventory,
        different: Difference,
        known: Mapping[str, Standing],
    ) -> Deferred[None]:
        def settled(result: Result) -> Result:
            self._leftovers.add(len(different.entries))
            return result

        making = self._changeover.make(inventory, different, known)
        return making.addBoth(settled)

    # Stopping.

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._reload.stop()
        if self._starting is not None:
            self._starting.cancel()
        await self._front_ends.close()
        await self._netboot.stopService()
        await self.power.stopService()
        self.fleet.stopService()
        self._inquiry.stop()
        self._housekeeping.stopService()
        self._metrics.stopService()
        self._notifier.stop()
        self.poller.stopService()
        self._pinger.stopService()
        await self._alerts.stop()
        await self._store.close()
