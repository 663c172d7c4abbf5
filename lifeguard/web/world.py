"""Everything outside the HTTP interface that it may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from lifeguard.draft import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.alerts import ChannelStatus
    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.fleet import Fleet
    from lifeguard.health.poller import HealthStatus
    from lifeguard.inventory.plan import Plan
    from lifeguard.metrics import Metrics
    from lifeguard.model import (
        HistoryRow,
        Incident,
        IncidentPlace,
        RelayBoardChange,
        Standing,
    )
    from lifeguard.netboot.files import Content
    from lifeguard.netboot.parameters import Server
    from lifeguard.netboot.tokens import Tokens
    from lifeguard.netboot.unknown_boards import UnknownBoards
    from lifeguard.operators import Operators
    from lifeguard.power import OwedOutlet, RelayBoardStatus


class Store(Protocol):
    """Where the past is kept; a Deferred that fails, fails with StoreUnavailable."""

    def standing(self, board: str) -> Deferred[Standing | None]: ...

    def history(
        self, board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[HistoryRow]]:
        """The newest rows first; those older than the row of id `before`."""

    def incidents(
        self, limit: int = 100, after: IncidentPlace | None = None
    ) -> Deferred[list[Incident]]:
        """The open ones first; those that come after a place."""

    def relay_board_history(
        self, relay_board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[RelayBoardChange]]: ...


class Power(Protocol):
    """How the relay boards are doing."""

    def owed(self) -> list[OwedOutlet]: ...
    def relay_boards(self) -> list[RelayBoardStatus]: ...

    def test(self, relay_board: str) -> Deferred[None]:
        """Fires when it has passed a link test; fails with a RelayError."""


class Poller(Protocol):
    """How polling is doing."""

    def status(self) -> HealthStatus: ...

    def release(self) -> None:
        """A person says that it is the boards that are ill."""


class Inquiry(Protocol):
    """Who sets images aside."""

    async def release(self, image: str) -> None:
        """Done when boards may have it again; raises NotSetAside."""


class Alerts(Protocol):
    """How people are told away from here."""

    def status(self) -> list[ChannelStatus]: ...

    async def test(self, name: str) -> None:
        """Done when it was taken; raises UnknownChannel or NotDelivered."""


class Reload(Protocol):
    """Who reads the inventory again; plan and apply raise ConfigurationError."""

    async def plan(self) -> Plan:
        """What would be done."""

    async def apply(self, digest: str | None = None, *, yes: bool = False) -> Plan:
        """What is done from now on; raises NotApplied."""

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Hear when the inventory is another, and when all that it lacks have left."""


class Files(Protocol):
    """What boot loaders are served, whichever way they ask."""

    @property
    def unknown_boards(self) -> UnknownBoards:
        """Who asked and is in no inventory."""

    def resolve(self, filename: str, client_address: str) -> Content:
        """Raises NotFound, or Refused as TFTP does, or OSError."""


class World(NamedTuple):
    """The lab, as it is shown and addressed over HTTP."""

    fleet: Fleet
    store: Store
    power: Power
    poller: Poller
    inquiry: Inquiry
    alerts: Alerts
    reload: Reload
    files: Files
    tokens: Tokens
    operators: Operators
    server: Server
    metrics: Metrics
    clock: IReactorTime
    service_time: ServiceTime
    wall: WallClock

    def now(self) -> Moment:
        """This moment in service seconds and in wall time."""
        return Moment(self.service_time.now(), self.wall())
