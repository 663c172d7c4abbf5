"""The HTTP interface as a table: everything below `/api/v1`, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.alerts import ChannelStatus
from lifeguard.health.poller import HealthStatus
from lifeguard.inventory.plan import Plan
from lifeguard.web.alerts import AlertChannels, AlertOperations
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
from lifeguard.web.lab_views import ImageView, RelayBoardView
from lifeguard.web.operations import EVENT_STREAM, Operation
from lifeguard.web.operators import (
    NewOperator,
    NewToken,
    OperatorList,
    OperatorTokens,
    OperatorView,
    SessionView,
    SignIn,
)
from lifeguard.web.stream import Stream, StreamedChange
from lifeguard.web.views import BoardDetail

if TYPE_CHECKING:
    from lifeguard.web.callers import Callers
    from lifeguard.web.world import World


def operations(world: World, callers: Callers, stream: Stream) -> list[Operation]:
    """Every operation, in the order in which they are described.

    `see` looks, `operate` asks something of boards and of what they share, `admin`
    decides by hand what a board is, what the lab consists of, and who may do what.
    """
    boards, lab = Boards(world, callers), Lab(world)
    events, alerts = Events(world.fleet, callers), AlertOperations(world)
    tokens, sign_in = OperatorTokens(world.operators), SignIn(callers)
    files = InventoryFiles(world)
    return [
        Operation(
            "GET",
            "/boards",
            "The boards, also those that are not in the inventory any more.",
            boards.index,
            BoardList,
            role="see",
            errors=(400,),
            query=BoardsQuery,
        ),
        Operation(
            "GET",
            "/boards/<name>",
            "Why a board is where it is, and what happens next.",
            boards.show,
            BoardDetail,
            role="see",
            errors=(404,),
        ),
        Operation(
            "GET",
            "/boards/<name>/history",
            "What happened to a board.",
            boards.history,
            History,
            role="see",
            errors=(400, 404, 503),
            query=HistoryQuery,
        ),
        Operation(
            "GET",
            "/boards/<name>/boot-config",
            "What the installer reads; for the board itself or an operator.",
            boards.boot_config,
            BootConfig,
            role="operate",
            of_board=True,
            errors=(404, 409),
        ),
        Operation(
            "POST",
            "/boards/<name>/events/<event>",
            "An event of the board, or a request of an operator (`rq-...`).",
            events.post,
            Accepted,
            role="operate",
            of_board=True,
            errors=(400, 404, 409, 413, 422, 503),
            body=EventBody,
        ),
        Operation(
            "GET",
            "/boards/<name>/events/<event>",
            "An event of the board, for clients that cannot post.",
            events.get,
            Accepted,
            role=None,
            of_board=True,
            errors=(400, 404, 405, 409, 413, 503),
        ),
        Operation(
            "POST",
            "/boards/<name>/state",
            "Put a board into a state by hand, provided that it is in another.",
            events.change,
            Accepted,
            role="admin",
            errors=(400, 404, 409, 413, 503),
            body=StateChange,
        ),
        Operation(
            "GET",
            "/unknown-boards",
            "Who asked for something to boot and is in no inventory.",
            boards.unknown,
            UnknownBoardList,
            role="see",
        ),
        Operation(
            "GET",
            "/images",
            "What boards can be made to run.",
            lab.images,
            ImageList,
            role="see",
        ),
        Operation(
            "POST",
            "/images/<name>/release",
            "Let boards have an image again that was set aside.",
            lab.release_image,
            ImageView,
            role="operate",
            errors=(404, 409, 503),
        ),
        Operation(
            "GET",
            "/incidents",
            "Boards that failed, by what is to blame: the open incidents first.",
            lab.incidents,
            IncidentList,
            role="see",
            errors=(400, 503),
            query=IncidentsQuery,
        ),
        Operation(
            "GET",
            "/relay-boards",
            "How the switches are doing, and which outlets are owed.",
            lab.relay_boards,
            RelayBoardList,
            role="see",
        ),
        Operation(
            "GET",
            "/relay-boards/<name>/history",
            "What became of a relay board.",
            lab.relay_board_history,
            RelayBoardHistory,
            role="see",
            errors=(400, 404, 503),
            query=HistoryQuery,
        ),
        Operation(
            "POST",
            "/relay-boards/<name>/test",
            "Test the link to a relay board now; 502 says what is wrong.",
            lab.test_relay_board,
            RelayBoardView,
            role="operate",
            errors=(404, 502),
        ),
        Operation(
            "GET",
            "/health",
            "How polling is doing, and whether failures are withheld.",
            lab.health,
            HealthStatus,
            role="see",
        ),
        Operation(
            "POST",
            "/health/release",
            "It is the boards that are ill: tell their failures after all.",
            lab.release_brake,
            HealthStatus,
            role="operate",
        ),
        Operation(
            "GET",
            "/operators",
            "Who has or had a token.",
            tokens.index,
            OperatorList,
            role="admin",
        ),
        Operation(
            "POST",
            "/operators",
            "Make a token; it is told once.",
            tokens.make,
            NewToken,
            role="admin",
            errors=(400, 409, 413, 503),
            body=NewOperator,
        ),
        Operation(
            "POST",
            "/operators/<name>/revoke",
            "Let nobody in by this operator's token any more.",
            tokens.revoke,
            OperatorView,
            role="admin",
            errors=(404, 503),
        ),
        Operation(
            "GET",
            "/session",
            "Who calls, and what they may do.",
            sign_in.show,
            SessionView,
            role=None,
        ),
        Operation(
            "POST",
            "/session",
            "Get a cookie for a token that is sent as a header.",
            sign_in.begin,
            SessionView,
            role=None,
        ),
        Operation(
            "POST",
            "/session/end",
            "Let the cookie count no more.",
            sign_in.end,
            SessionView,
            role=None,
        ),
        Operation(
            "GET",
            "/alerts",
            "How the channels are doing by which people are told.",
            alerts.index,
            AlertChannels,
            role="see",
        ),
        Operation(
            "POST",
            "/alerts/<name>/test",
            "Send a message by a channel now; 502 says what is wrong.",
            alerts.test,
            ChannelStatus,
            role="operate",
            errors=(404, 502),
        ),
        Operation(
            "POST",
            "/inventory/plan",
            "Read the inventory again: what is different, and what that would do.",
            files.plan,
            Plan,
            role="admin",
            errors=(422,),
        ),
        Operation(
            "POST",
            "/inventory/apply",
            "Read the inventory again, and have the lab go by it from now on.",
            files.apply,
            Plan,
            role="admin",
            errors=(400, 409, 413, 422, 503),
            body=Consent,
        ),
        Operation(
            "GET",
            "/stream",
            "Every change from now on, as server-sent events.",
            stream.listen,
            StreamedChange,
            role="see",
            media=EVENT_STREAM,
        ),
    ]
