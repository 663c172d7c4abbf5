"""The daemon: everything a configuration asks for, put together and started.

The ports of netboot are bound first, while lifeguard may still be root; then the store
is opened, and only when every board stands where it was saved does anything move.
Stopping goes the other way: begun power cycles are finished before the store is closed.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from lifeguard import garbage
from lifeguard.alerts import Alerts
from lifeguard.blame.docket import Docket
from lifeguard.blame.inquiry import Inquiry
from lifeguard.changeover import Changeover, Follower
from lifeguard.clock import ServiceTime, WallClock
from lifeguard.endpoints import CannotOpen, open_endpoint
from lifeguard.fleet import Fleet
from lifeguard.health.network import Network, board_agent
from lifeguard.health.pinger import Pinger
from lifeguard.health.poller import Poller
from lifeguard.housekeeping import Housekeeping
from lifeguard.inventory.reload import Reload
from lifeguard.metrics import Metrics
from lifeguard.netboot.boot_server import BootServer
from lifeguard.netboot.files import Content, Root
from lifeguard.netboot.linked_boards import LinkedBoards
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.parameters import Server
from lifeguard.netboot.proxy_dhcp import ProxyDhcp
from lifeguard.netboot.proxy_dhcp_server import ProxyDhcpServer
from lifeguard.netboot.symlinks import Symlinks
from lifeguard.netboot.tftp_server import TftpServer
from lifeguard.netboot.tokens import Tokens
from lifeguard.netboot.totals import TransferTotals
from lifeguard.notify import Notifier
from lifeguard.operators import Operators
from lifeguard.own_token import EmptyToken, own_token
from lifeguard.power import Power, RelayBoardQueue
from lifeguard.power.driver import Surroundings
from lifeguard.power.relay_boards import RelayBoards
from lifeguard.store import SqlStore, StoreError, WorkerThreads
from lifeguard.web import Access, World, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from twisted.internet.interfaces import IListeningPort, IProtocolFactory
    from twisted.python.failure import Failure

    from lifeguard.config import Configuration
    from lifeguard.inventory.difference import Difference
    from lifeguard.model import Inventory, SeenBoot, Standing
    from lifeguard.netboot.decision import Situation

log = Logger()

Result = TypeVar("Result")


class CannotStart(Exception):
    """Why the daemon cannot do its work, in one line."""


_KNOWN_REASONS = (CannotStart, CannotOpen, EmptyToken, OSError, StoreError)


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
        self._ports: list[IListeningPort] = []
        self._boot: BootServer | None = None

        inventory, root = configuration.inventory, configuration.tftp.root
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
        self._transfers = TransferTotals()
        self._metrics = Metrics(
            self.fleet,
            self._store,
            self.power,
            self._transfers,
            self._alerts,
            reactor,
        )
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
        self._followers: list[Follower] = []
        self._reload: Reload | None = None
        self._files = None if root is None else Root(Path(root))
        self._netboot = list(self._netboot_servers())

    # Starting.

    def privilegedStartService(self) -> None:
        """Bind what may need root; a failure is met again, and told, by the start."""
        super().privilegedStartService()
        self._pinger.privilegedStartService()
        for server in self._netboot:
            with suppress(CannotListenError):
                server.listen()

    def startService(self) -> None:
        super().startService()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._cannot_start)

    async def _start(self) -> None:
        self._start_netboot()
        saved = await self._store.open()
        self._service_time.start(saved.service_seconds)
        tokens = Tokens(saved.token_key)
        self.fleet.load(saved, self.power)
        self._inquiry.load(saved)
        self.fleet.subscribe(self._inquiry.changed)
        self._boot = boot = self._boot_server(tokens)
        self._recall_boots(boot, saved.boots)
        self._reload = reload = self._made_reload()
        operators = Operators(
            saved.operators, own_token(self.state_dir), self._store, self._wall
        )
        self._housekeeping.subscribe(operators.forget)
        await self._listen_http(boot, tokens, operators, reload)
        await self._listen_manhole()
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
        self._store.tell(self._notifier)
        self._store.tell(self.power)
        self._store.tell(self._inquiry)
        self._store.tell(self._alerts)
        self._notifier.tell()
        self._alerts.start(saved)
        resuming = self.fleet.resume(saved, self.power)
        self._inquiry.begin(saved)
        resuming.addCallback(lambda _: garbage.settle())
        log.info(
            "{boards} boards, {relay_boards} relay boards",
            boards=len(self.fleet.boards),
            relay_boards=len(self.configuration.inventory.relay_boards),
        )
        garbage.settle()
        self.started.callback(None)

    def _relay_board_changed(self, name: str, queue: RelayBoardQueue) -> None:
        self._inquiry.relay_board_is(name, queue.since.state, queue.since.why)

    def _start_netboot(self) -> None:
        for server in self._netboot:
            try:
                server.startService()
            except CannotListenError as error:
                raise CannotStart(f"{server.name}: {error}") from error

    def _cannot_start(self, failure: Failure) -> None:
        """Anything but a known reason is a fault of ours, and logged whole."""
        if failure.check(CancelledError):
            return
        if not failure.check(*_KNOWN_REASONS):
            log.failure("the start failed", failure)
        self._failed(str(failure.value) or repr(failure.value))

    def _netboot_servers(self) -> Iterator[TftpServer | ProxyDhcpServer]:
        tftp, proxy_dhcp = self.configuration.tftp, self.configuration.proxy_dhcp
        if tftp.mode == "serve":
            yield TftpServer(
                self._resolve,
                self._reactor,
                address=tftp.address,
                port=tftp.port,
                cache=tftp.cache,
                networks=tftp.clients,
                known=self.fleet.knows_address,
                totals=self._transfers,
            )
        if proxy_dhcp is not None:
            answers = ProxyDhcp(
                self._by_mac,
                self.configuration.inventory,
                proxy_dhcp.loaders,
                self.configuration.server.url,
            )
            self._followers.append(answers)
            yield ProxyDhcpServer(answers, self._reactor, address=proxy_dhcp.address)

    def _by_mac(self, mac: str) -> Situation | None:
        """Nobody is known before the boards are loaded: their ROMs ask again."""
        return None if self._boot is None else self.fleet.by_mac(mac)

    def _boot_server(self, tokens: Tokens) -> BootServer:
        """What shows the boards' boot configs; in a directory too, if one is named."""
        inventory = self.fleet.inventory
        configs = LoaderConfigs(inventory, tokens, self._server)
        boot = BootServer(self.fleet, configs, self._files, self._wall)
        self._followers.append(boot)
        if self.configuration.tftp.directory is not None:
            links = Symlinks(Path(self.configuration.tftp.directory), configs)
            linked = LinkedBoards(links, self.fleet, inventory, self._reactor)
            self._followers.append(linked)
            self.fleet.subscribe(linked.changed)
        return boot

    def _recall_boots(self, boot: BootServer, seen: Mapping[str, SeenBoot]) -> None:
        for name in seen.keys() & self.fleet.boards.keys():
            board = self.fleet.board(name)
            board.progress = boot.recall(self.fleet.situation(board), seen[name])

    def _resolve(self, filename: str, client_address: str) -> Content:
        if self._boot is None:
            raise OSError("the boards are not loaded yet")
        return self._boot.resolve(filename, client_address)

    async def _listen_http(
        self, boot: BootServer, tokens: Tokens, operators: Operators, reload: Reload
    ) -> None:
        http = self.configuration.http
        world = World(
            fleet=self.fleet,
            store=self._store,
            power=self.power,
            poller=self.poller,
            inquiry=self._inquiry,
            alerts=self._alerts,
            reload=reload,
            files=boot,
            tokens=tokens,
            operators=operators,
            server=self._server,
            metrics=self._metrics,
            clock=self._reactor,
            service_time=self._service_time,
            wall=self._wall,
        )
        access = Access(
            http.require_token,
            http.read,
            http.trusted_proxies,
            http.connections_per_address,
        )
        await self._listen("http", http.listen, site(world, access))

    async def _listen_manhole(self) -> None:
        if (manhole := self.configuration.manhole) is None:
            return
        # SSH is a fortieth of a start, and few labs have a shell.
        from lifeguard.manhole import HostKeyError, manhole_factory

        keys = Path(manhole.authorized_keys)
        if not keys.exists():
            log.warn("manhole: {keys}: no such file, nobody can log in", keys=keys)
        try:
            factory = manhole_factory(
                self.fleet, self._reactor, self._service_time, self.state_dir, keys
            )
        except HostKeyError as error:
            raise CannotStart(str(error)) from error
        await self._listen("manhole", manhole.listen, factory)

    async def _listen(self, name: str, where: str, factory: IProtocolFactory) -> None:
        self._ports.append(await open_endpoint(self._reactor, name, where, factory))

    # While it runs.

    def hang_up(self) -> None:
        """The configuration may have changed: read it again, once all boards stand."""
        if not self.started.called:
            self.started.addCallback(lambda _: self.hang_up())
        elif self._reload is not None and self.running:
            Deferred.fromCoroutine(self._reload.hang_up())

    def _made_reload(self) -> Reload:
        changeover = Changeover(
            self.fleet, self.power, self._relay_boards, self._inquiry, self._followers
        )
        leftovers = garbage.Leftovers()

        def make(
            inventory: Inventory, different: Difference, known: Mapping[str, Standing]
        ) -> Deferred[None]:
            making = changeover.make(inventory, different, known)
            tidy = partial(leftovers.add, len(different.entries))
            return making.addBoth(_after(tidy))

        return Reload(
            self.configuration, self._read, self.fleet, self.power, self._store, make
        )

    def _read(self) -> Deferred[Configuration]:
        """In a thread, and with no look for garbage among ten thousand new records."""
        garbage.pause()
        pool = self._reactor.getThreadPool()
        reading = deferToThreadPool(self._reactor, pool, self._read_again)
        return reading.addBoth(_after(garbage.go_on))

    # Stopping.

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._reload is not None:
            self._reload.stop()
        if self._starting is not None:
            self._starting.cancel()
        await DeferredList([maybeDeferred(port.stopListening) for port in self._ports])
        for server in self._netboot:
            await server.stopService()
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


def _after(step: Callable[[], None]) -> Callable[[Result], Result]:
    """Takes the step, and hands on what it was taken after."""

    def taken(result: Result) -> Result:
        step()
        return result

    return taken
