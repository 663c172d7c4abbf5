"""Puts the HTTP interface together: what is described, and the few routes beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from twisted.internet.defer import TimeoutError

from lifeguard.store import StoreUnavailable
from lifeguard.web.answers import answer
from lifeguard.web.callers import Callers
from lifeguard.web.connections import Connections
from lifeguard.web.dashboard import route_dashboard
from lifeguard.web.errors import NotNow
from lifeguard.web.files import FileServer
from lifeguard.web.metrics import route_metrics
from lifeguard.web.openapi import describe
from lifeguard.web.operations import Operation, route, router
from lifeguard.web.peers import Proxies
from lifeguard.web.refusals import WITHOUT_STORE
from lifeguard.web.request import LabRequest, LabSite
from lifeguard.web.stream import Stream
from lifeguard.web.table import operations

if TYPE_CHECKING:
    from klein import Klein

    from lifeguard.web.operator_callers import Access
    from lifeguard.web.world import World

READY_SECONDS = 5.0
"""A store that takes longer to answer keeps lifeguard from its work."""


class Vitals(Struct, frozen=True):
    """How many boards lifeguard looks after, and how many calls it turned away."""

    boards: int
    forbidden: int


def site(world: World, access: Access) -> LabSite:
    """The lab over HTTP; the boards must have been loaded.

    When its port is closed, the streams that are open end.
    """
    proxies = Proxies(access.trusted_proxies)
    callers = Callers(world, access, proxies)
    stream = Stream(world, callers, proxies)
    # It tells of changes only: who comes back reads which boards there are.
    world.reload.subscribe(stream.close)
    app = router()
    route(app, described(operations(world, callers, stream)), callers)
    _route_probes(app, world, callers)
    route_metrics(app, world.metrics, callers)
    files = FileServer(world.files, world.clock)
    app.route("/files/<path:path>", methods=["GET"])(files.send)
    route_dashboard(app, world, callers)
    connections = Connections(access.connections_per_address, proxies, world.clock)
    return LabSite(
        app.resource(), world.clock, stream.close, world.metrics.answers, connections
    )


def described(table: list[Operation]) -> list[Operation]:
    """The operations, and the one that describes them all."""

    async def show(request: LabRequest) -> dict[str, Any]:
        return document

    summary = "This description."
    itself = Operation(
        "GET", "/openapi.json", summary, show, dict[str, Any], role="see"
    )
    whole = [*table, itself]
    document = describe(whole)
    return whole


def _route_probes(app: Klein, world: World, callers: Callers) -> None:
    """For whoever watches lifeguard itself."""

    def vitals(request: LabRequest) -> bytes:
        return answer(request, Vitals(len(world.fleet.boards), callers.forbidden))

    @app.route("/healthz", methods=["GET"])
    async def healthz(request: LabRequest) -> bytes:
        """The process answers."""
        return vitals(request)

    @app.route("/readyz", methods=["GET"])
    async def readyz(request: LabRequest) -> bytes:
        """So does the store."""
        try:
            await world.store.standing("").addTimeout(READY_SECONDS, world.clock)
        except (StoreUnavailable, TimeoutError) as error:
            raise NotNow(WITHOUT_STORE) from error
        return vitals(request)
