"""What the boards share: images, relay boards, polling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lifeguard.model import RelayBoardChange
from lifeguard.power import UnknownRelayBoard
from lifeguard.web.answers import read_query
from lifeguard.web.boards import HistoryQuery
from lifeguard.web.views import (
    ImageView,
    OwedView,
    RelayBoardView,
    image_view,
    owed_view,
    relay_board_view,
)

if TYPE_CHECKING:
    from lifeguard.health.poller import HealthStatus
    from lifeguard.web.callers import Callers
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


class RelayBoardHistory(Struct, frozen=True):
    """The newest row first; `next` is the `before` of the next page, null on the last.

    A row is a state that it entered: Working, Suspect or Broken.
    """

    history: list[RelayBoardChange]
    next: int | None


class Lab:
    """Shows what the boards share, and takes an operator's hand in it."""

    def __init__(self, world: World, callers: Callers) -> None:
        self._world, self._callers = world, callers

    async def images(self, request: LabRequest) -> ImageList:
        images = self._world.fleet.inventory.images.values()
        return ImageList([image_view(image) for image in images])

    async def relay_boards(self, request: LabRequest) -> RelayBoardList:
        owed = [owed_view(one) for one in self._world.power.owed()]
        return RelayBoardList(self._relay_boards(), owed)

    async def relay_board_history(
        self, request: LabRequest, name: str
    ) -> RelayBoardHistory:
        query = read_query(request, HistoryQuery)
        if name not in self._world.fleet.inventory.relay_boards:
            raise UnknownRelayBoard(name)
        rows = await self._world.store.relay_board_history(
            name, query.limit, query.before
        )
        next_page = rows[-1].id if len(rows) == query.limit else None
        return RelayBoardHistory(rows, next_page)

    async def test_relay_board(self, request: LabRequest, name: str) -> RelayBoardView:
        self._callers.operator(request)
        await self._world.power.test(name)
        return next(view for view in self._relay_boards() if view.name == name)

    async def health(self, request: LabRequest) -> HealthStatus:
        return self._world.poller.status()

    async def release_brake(self, request: LabRequest) -> HealthStatus:
        self._callers.operator(request)
        self._world.poller.release()
        return self._world.poller.status()

    def _relay_boards(self) -> list[RelayBoardView]:
        world, power = self._world, self._world.power
        owed, seconds, wall = power.owed(), world.clock.seconds(), world.wall()
        return [
            relay_board_view(status, world.fleet.inventory, owed, seconds, wall)
            for status in power.relay_boards()
        ]
