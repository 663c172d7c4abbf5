"""Netboot as the configuration asks for it: who answers boot loaders, and for whom.

The ports are bound while lifeguard may still be root. Nobody is answered before the
boards are loaded; loaders and ROMs ask again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError

from lifeguard.endpoints import CannotOpen
from lifeguard.netboot.boot_server import BootServer
from lifeguard.netboot.files import Content, Root
from lifeguard.netboot.linked_boards import LinkedBoards
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.proxy_dhcp import ProxyDhcp
from lifeguard.netboot.proxy_dhcp_server import ProxyDhcpServer
from lifeguard.netboot.symlinks import Symlinks
from lifeguard.netboot.tftp_server import TftpServer
from lifeguard.netboot.totals import TransferTotals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lifeguard.changeover import Follower
    from lifeguard.clock import WallClock
    from lifeguard.config import Configuration
    from lifeguard.config.proxy_dhcp import ProxyDhcp as ProxyDhcpSettings
    from lifeguard.fleet import Fleet
    from lifeguard.model import Inventory, SeenBoot
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.parameters import Server
    from lifeguard.netboot.tokens import Tokens


class NetbootService(Service):
    """Gives the boards of `fleet` what they boot."""

    def __init__(
        self,
        configuration: Configuration,
        fleet: Fleet,
        server: Server,
        reactor: Any,
        wall: WallClock,
    ) -> None:
        self._configuration, self._fleet, self._server = configuration, fleet, server
        self._reactor, self._wall = reactor, wall
        self.totals = TransferTotals()
        """Counts what goes by TFTP."""
        self._boot: BootServer | None = None
        self._followers: list[Follower] = []
        self._servers = list(self._wanted_servers())

    # Its servers.

    def privilegedStartService(self) -> None:
        """Bind what may need root; a failure is met again, and told, by the start."""
        super().privilegedStartService()
        for server in self._servers:
            with suppress(CannotListenError):
                server.listen()

    def startService(self) -> None:
        """Bind what is not bound yet; raises CannotOpen."""
        super().startService()
        for server in self._servers:
            try:
                server.startService()
            except CannotListenError as error:
                raise CannotOpen(f"{server.name}: {error}") from error

    def stopService(self) -> Deferred[list[Any]]:
        """Close the ports and end all transfers."""
        super().stopService()
        return gatherResults([server.stopService() for server in self._servers])

    def _wanted_servers(self) -> Iterator[TftpServer | ProxyDhcpServer]:
        if self._configuration.tftp.mode == "serve":
            yield self._tftp_server()
        if (proxy_dhcp := self._configuration.proxy_dhcp) is not None:
            yield self._proxy_dhcp_server(proxy_dhcp)

    def _tftp_server(self) -> TftpServer:
        tftp = self._configuration.tftp
        return TftpServer(
            self._resolve,
            self._reactor,
            address=tftp.address,
            port=tftp.port,
            cache=tftp.cache,
            networks=tftp.clients,
            known=self._fleet.knows_address,
            totals=self.totals,
        )

    def _proxy_dhcp_server(self, settings: ProxyDhcpSettings) -> ProxyDhcpServer:
        inventory, url = self._fleet.inventory, self._server.url
        answers = ProxyDhcp(self._by_mac, inventory, settings.loaders, url)
        self._followers.append(answers)
        return ProxyDhcpServer(answers, self._reactor, address=settings.address)

    def _resolve(self, filename: str, client_address: str) -> Content:
        if self._boot is None:
            raise OSError("the boards are not loaded yet")
        return self._boot.resolve(filename, client_address)

    def _by_mac(self, mac: str) -> Situation | None:
        return None if self._boot is None else self._fleet.by_mac(mac)

    # What they answer from.

    def load(self, tokens: Tokens, seen: Mapping[str, SeenBoot]) -> BootServer:
        """Answer from now on, for the boards as they have been loaded.

        `seen` are the boots, by boards, that were followed before the last start.
        """
        root = self._configuration.tftp.root
        files = None if root is None else Root(Path(root))
        configs = LoaderConfigs(self._fleet.inventory, tokens, self._server)
        self._boot = BootServer(self._fleet, configs, files, self._wall)
        self._followers.append(self._boot)
        self._link(configs)
        self._recall(self._boot, seen)
        return self._boot

    def take_inventory(self, inventory: Inventory) -> None:
        """Go by another inventory, which the boards have by now."""
        for follower in self._followers:
            follower.take_inventory(inventory)

    def _link(self, configs: LoaderConfigs) -> None:
        """Show the boot configs in a directory too, if one is named."""
        if (directory := self._configuration.tftp.directory) is None:
            return
        links, inventory = Symlinks(Path(directory), configs), self._fleet.inventory
        linked = LinkedBoards(links, self._fleet, inventory, self._reactor)
        self._followers.append(linked)
        self._fleet.subscribe(linked.changed)

    def _recall(self, boot: BootServer, seen: Mapping[str, SeenBoot]) -> None:
        for name in seen.keys() & self._fleet.boards.keys():
            board = self._fleet.board(name)
            board.progress = boot.recall(self._fleet.situation(board), seen[name])
