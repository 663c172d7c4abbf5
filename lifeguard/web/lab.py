"""What the boards share: images, relay boards, polling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from lifeguard.model import IncidentPlace, RelayBoardChange
from lifeguard.power import UnknownRelayBoard
from lifeguard.web.boards import HistoryQuery, Limit
from lifeguard.web.errors import Missing
from lifeguard.web.lab_views import (
    ImageView,
    IncidentView,
    RelayBoardView,
    image_view,
    incident_view,
    relay_board_view,
)
from lifeguard.web.reading import read_query
from lifeguard.web.views import OwedView, owed_view

if TYPE_CHECKING:
    from lifeguard.health.poller import HealthStatus
    from lifeguard.model import Image, Incident
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World


class ImageList(Struct, frozen=True):
    """Images in the order of the inventory."""

    images: list[ImageView]


class RelayBoardList(Struct, frozen=True):
    """Relay boards in the order of the inventory.

    `owed` are all outlets that are owed, also those whose relay board is gone.
    """

    relay_boards: list[RelayBoardView]
    owed: list[OwedView]


class IncidentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`limit` of the incidents that come after `after`, a `next` of an answer."""

    limit: Limit = 100
    after: Annotated[str, Meta(pattern="^(open|closed)-[0-9]{1,18}$")] | None = None


class IncidentList(Struct, frozen=True):
    """The open ones first, of each the newest; `next` is null on the last page."""

    incidents: list[IncidentView]
    next: str | None


class RelayBoardHistory(Struct, frozen=True):
    """The newest row first; `next` is the `before` of the next page, null on the last.

    A row is a state that it entered: Working, Suspect or Broken.
    """

    history: list[RelayBoardChange]
    next: int | None


class Lab:
    """Shows what the boards share, and takes an operator's hand in it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def images(self, request: LabRequest) -> ImageList:
        images = self._world.fleet.inventory.images.values()
        return ImageList([self._image(image) for image in images])

    async def release_image(self, request: LabRequest, name: str) -> ImageView:
        image = self._world.fleet.inventory.images.get(name)
        if image is None:
            raise Missing(f"no such image: {name}")
        await self._world.inquiry.release(name)
        return self._image(image)

    async def incidents(self, request: LabRequest) -> IncidentList:
        query = read_query(request, IncidentsQuery)
        after = None if query.after is None else _place(query.after)
        page = await self._world.store.incidents(query.limit, after)
        more = len(page) == query.limit
        return IncidentList(
            list(map(incident_view, page)), _mark(page[-1]) if more else None
        )

    async def relay_boards(self, request: LabRequest) -> RelayBoardList:
        owed = [owed_view(one) for one in self._world.power.owed()]
        return RelayBoardList(self._relay_boards(), owed)

    async def relay_board_history(
        self, request: LabRequest, name: str
    ) -> RelayBoardHistory:
        query = read_query(request, HistoryQuery)
        rows = await self._world.store.relay_board_history(
            name, query.limit, query.before
        )
        is_listed = name in self._world.fleet.inventory.relay_boards
        if not (rows or is_listed or query.before):
            raise UnknownRelayBoard(name)
        next_page = rows[-1].id if len(rows) == query.limit else None
        return RelayBoardHistory(rows, next_page)

    async def test_relay_board(self, request: LabRequest, name: str) -> RelayBoardView:
        self._relay_board(name)
        await self._world.power.test(name)
        return self._relay_board(name)

    async def health(self, request: LabRequest) -> HealthStatus:
        return self._world.poller.status()

    async def release_brake(self, request: LabRequest) -> HealthStatus:
        self._world.poller.release()
        return self._world.poller.status()

    def _image(self, image: Image) -> ImageView:
        failed = self._world.fleet.docket.failed_image(image.name)
        return image_view(image, failed)

    def _relay_board(self, name: str) -> RelayBoardView:
        for view in self._relay_boards():
            if view.name == name:
                return view
        raise UnknownRelayBoard(name)

    def _relay_boards(self) -> list[RelayBoardView]:
        """Those of the inventory; one that left it may wait for its boards."""
        world, power = self._world, self._world.power
        owed, seconds, wall = power.owed(), world.clock.seconds(), world.wall()
        inventory = world.fleet.inventory
        return [
            relay_board_view(status, inventory, owed, seconds, wall)
            for status in power.relay_boards()
            if status.name in inventory.relay_boards
        ]


def _mark(incident: Incident) -> str:
    """The place of an incident in the list, as a client is given it."""
    return f"{'open' if incident.closed is None else 'closed'}-{incident.id}"


def _place(mark: str) -> IncidentPlace:
    state, _, number = mark.partition("-")
    return IncidentPlace(state == "closed", int(number))
