"""The HTTP interface as a table: everything below `/api/v1`, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.health.poller import HealthStatus
from lifeguard.inventory.plan import Plan
from lifeguard.web.boards import (
    BoardList,
    Boards,
    BoardsQuery,
    BootConfig,
    History,
    HistoryQuery,
    UnknownBoardList,
)
from lifeguard.web.events import Accepted, EventBody, Events, StateChange
from lifeguard.web.inventory import Consent, InventoryFiles
from lifeguard.web.lab import (
    ImageList,
    IncidentList,
    IncidentsQuery,
    Lab,
    RelayBoardHistory,
    RelayBoardList,
)
from lifeguard.web.operations import EVENT_STREAM, Operation
from lifeguard.web.stream import Stream, StreamedChange
from lifeguard.web.views import BoardDetail, ImageView, RelayBoardView

if TYPE_CHECKING:
    from lifeguard.web.callers import Callers
    from lifeguard.web.world import World


def operations(world: World, callers: Callers, stream: Stream) -> list[Operation]:
    """Every operation, in the order in which they are described."""
    boards, lab = Boards(world, callers), Lab(world, callers)
    events, files = Events(world.fleet, callers), InventoryFiles(world, callers)
    return [
        Operation(
            "GET",
            "/boards",
            "The boards, also those that are not in the inventory any more.",
            boards.index,
            BoardList,
            errors=(400,),
            query=BoardsQuery,
        ),
        Operation(
            "GET",
            "/boards/<name>",
            "Why a board is where it is, and what happens next.",
            boards.show,
            BoardDetail,
            errors=(404,),
        ),
        Operation(
            "GET",
            "/boards/<name>/history",
            "What happened to a board.",
            boards.history,
            History,
            errors=(400, 404, 503),
            query=HistoryQuery,
        ),
        Operation(
            "GET",
            "/boards/<name>/boot-config",
            "What the installer reads; for the board itself or an operator.",
            boards.boot_config,
            BootConfig,
            errors=(403, 404, 409),
        ),
        Operation(
            "POST",
            "/boards/<name>/events/<event>",
            "An event of the board, or a request of an operator (`rq-...`).",
            events.post,
            Accepted,
            errors=(400, 403, 404, 409, 413, 422, 503),
            body=EventBody,
        ),
        Operation(
            "GET",
            "/boards/<name>/events/<event>",
            "An event of the board, for clients that cannot post.",
            events.get,
            Accepted,
            errors=(400, 403, 404, 405, 409, 413, 503),
        ),
        Operation(
            "POST",
            "/boards/<name>/state",
            "Put a board into a state by hand, provided that it is in another.",
            events.change,
            Accepted,
            errors=(400, 403, 404, 409, 413, 503),
            body=StateChange,
        ),
        Operation(
            "GET",
            "/unknown-boards",
            "Who asked for something to boot and is in no inventory.",
            boards.unknown,
            UnknownBoardList,
        ),
        Operation(
            "GET",
            "/images",
            "What boards can be made to run.",
            lab.images,
            ImageList,
        ),
        Operation(
            "POST",
            "/images/<name>/release",
            "Let boards have an image again that was set aside.",
            lab.release_image,
            ImageView,
            errors=(403, 404, 409, 503),
        ),
        Operation(
            "GET",
            "/incidents",
            "Boards that failed, by what is to blame: the open incidents first.",
            lab.incidents,
            IncidentList,
            errors=(400, 503),
            query=IncidentsQuery,
        ),
        Operation(
            "GET",
            "/relay-boards",
            "How the switches are doing, and which outlets are owed.",
            lab.relay_boards,
            RelayBoardList,
        ),
        Operation(
            "GET",
            "/relay-boards/<name>/history",
            "What became of a relay board.",
            lab.relay_board_history,
            RelayBoardHistory,
            errors=(400, 404, 503),
            query=HistoryQuery,
        ),
        Operation(
            "POST",
            "/relay-boards/<name>/test",
            "Test the link to a relay board now; 502 says what is wrong.",
            lab.test_relay_board,
            RelayBoardView,
            errors=(403, 404, 502),
        ),
        Operation(
            "GET",
            "/health",
            "How polling is doing, and whether failures are withheld.",
            lab.health,
            HealthStatus,
        ),
        Operation(
            "POST",
            "/health/release",
            "It is the boards that are ill: tell their failures after all.",
            lab.release_brake,
            HealthStatus,
            errors=(403,),
        ),
        Operation(
            "POST",
            "/inventory/plan",
            "Read the inventory again: what is different, and what that would do.",
            files.plan,
            Plan,
            errors=(403, 422),
        ),
        Operation(
            "POST",
            "/inventory/apply",
            "Read the inventory again, and have the lab go by it from now on.",
            files.apply,
            Plan,
            errors=(400, 403, 409, 413, 422, 503),
            body=Consent,
        ),
        Operation(
            "GET",
            "/stream",
            "Every change from now on, as server-sent events.",
            stream.listen,
            StreamedChange,
            media=EVENT_STREAM,
        ),
    ]
