"""What boards share, seen from outside: images, incidents, relay boards; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from lifeguard.model import CauseKind
from lifeguard.web.views import OwedView, owed_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifeguard.model import Image, Incident, Inventory
    from lifeguard.power import OwedOutlet, RelayBoardStatus


class FailedImage(Struct, frozen=True):
    """Why an image is set aside: requests for it are refused until it is released."""

    incident: int
    since: datetime
    boards: list[str]
    text: str


class ImageView(Struct, frozen=True):
    """An image and the hardware it boots on; hidden are those with a role."""

    name: str
    hidden: bool
    role: Literal["self-test", "maintenance"] | None
    hardware: list[str]
    failed: FailedImage | None


class IncidentView(Struct, frozen=True, kw_only=True):
    """Boards that fail by one cause; of all its `boards` these still fail.

    `closed` is null while it is open; until then, and within `[blame] patience`, the
    strikes of those do not count.
    """

    id: int
    opened: datetime
    closed: datetime | None
    kind: CauseKind
    name: str
    text: str
    boards: list[str]
    failing: list[str]
    set_aside: bool


class RelayBoardView(Struct, frozen=True, kw_only=True):
    """How a relay board is doing; `waiting` counts what it has not taken up."""

    name: str
    driver: str
    address: str
    state: Literal["Working", "Suspect", "Broken"]
    since: datetime | None
    why: str | None
    """What led to its state, if it is ill."""
    connected: bool
    waiting: int
    last_success: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    owed: list[OwedView]


def image_view(image: Image, incident: Incident | None) -> ImageView:
    """An image, without what only the daemon reads; `incident` set it aside."""
    return ImageView(
        image.name,
        image.role is not None,
        image.role,
        sorted(image.boot),
        None if incident is None else _failed_image(incident),
    )


def _failed_image(incident: Incident) -> FailedImage:
    boards = list(incident.boards)
    return FailedImage(incident.id, incident.opened, boards, incident.text)


def incident_view(incident: Incident) -> IncidentView:
    """An incident, in words of the API."""
    return IncidentView(
        id=incident.id,
        opened=incident.opened,
        closed=incident.closed,
        kind=incident.cause.kind,
        name=incident.cause.name,
        text=incident.text,
        boards=list(incident.boards),
        failing=list(incident.failing),
        set_aside=incident.set_aside,
    )


def relay_board_view(
    status: RelayBoardStatus,
    inventory: Inventory,
    owed: Sequence[OwedOutlet],
    clock_seconds: float,
    wall: datetime,
) -> RelayBoardView:
    """A relay board's health; `clock_seconds` and `wall` are the same moment."""

    def moment(seconds: float | None) -> datetime | None:
        if seconds is None:
            return None
        return wall - timedelta(seconds=clock_seconds - seconds)

    relay_board = inventory.relay_boards[status.name]
    return RelayBoardView(
        name=status.name,
        driver=relay_board.driver,
        address=relay_board.address,
        state=status.state,
        since=moment(status.since),
        why=status.why or None,
        connected=status.connected,
        waiting=status.waiting,
        last_success=moment(status.last_success),
        last_error=status.last_error,
        last_error_at=moment(status.last_error_at),
        owed=[owed_view(one) for one in owed if one.outlet.relay_board == status.name],
    )
