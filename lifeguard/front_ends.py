"""The front ends: HTTP for boards, people and programs, and SSH for people with a key.

They are opened once all that can be asked for is there, and closed before it goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger

from lifeguard.endpoints import CannotOpen, open_endpoint
from lifeguard.web import Access, World, site

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory

    from lifeguard.config import Http, Manhole

log = Logger()


class FrontEnds:
    """Those that `http` and `manhole` describe; the shell has its keys in `state_dir`.

    Where `manhole` is None there is no shell.
    """

    def __init__(
        self, http: Http, manhole: Manhole | None, state_dir: Path, reactor: Any
    ) -> None:
        self._http, self._manhole, self._state_dir = http, manhole, state_dir
        self._reactor = reactor
        self._ports: list[IListeningPort] = []

    async def open(self, world: World) -> None:
        """Let in whoever wants something of `world`; raises CannotOpen."""
        http, manhole = self._http, self._manhole
        access = Access(
            http.require_token,
            http.read,
            http.trusted_proxies,
            http.connections_per_address,
        )
        await self._listen("http", http.listen, site(world, access))
        if manhole is not None:
            shell = self._shell(world, Path(manhole.authorized_keys))
            await self._listen("manhole", manhole.listen, shell)

    def close(self) -> Deferred[Any]:
        """Let nobody in any more; fires when all ports are closed."""
        return DeferredList([maybeDeferred(port.stopListening) for port in self._ports])

    def _shell(self, world: World, keys: Path) -> IProtocolFactory:
        # SSH is a fortieth of a start, and few labs have a shell.
        from lifeguard.manhole import HostKeyError, manhole_factory

        if not keys.exists():
            log.warn("manhole: {keys}: no such file, nobody can log in", keys=keys)
        try:
            return manhole_factory(
                world.fleet, world.clock, world.service_time, self._state_dir, keys
            )
        except HostKeyError as error:
            raise CannotOpen(str(error)) from error

    async def _listen(self, name: str, where: str, factory: IProtocolFactory) -> None:
        self._ports.append(await open_endpoint(self._reactor, name, where, factory))
