"""What boards look like from outside: pure, from records to answers.

Service seconds and clock seconds mean nothing to a client; it is given wall time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import asdict

from lifeguard.draft import Moment, still_waits
from lifeguard.lifecycle import Kind
from lifeguard.model import CauseKind, HistoryRow
from lifeguard.netboot.decision import (
    BootDisk,
    BootImage,
    CannotBoot,
    Decision,
    HandsOff,
)
from lifeguard.web.consequences import Consequence, consequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifeguard.board import ManagedBoard
    from lifeguard.model import Incident, Request, Standing
    from lifeguard.netboot.progress import Progress
    from lifeguard.power import OwedOutlet


class StrikeCount(Struct, frozen=True):
    """Strikes counted against a state; one more than `allowed` gives up."""

    count: int
    allowed: int | None


class BoardSummary(Struct, frozen=True, kw_only=True):
    """One board in a list. `deadline` is when its state times out.

    `kind` is what the state means: "failed" has been given up, "busy" is on its way,
    "still" is left alone until a request, "well" is at the lab's disposal; null for a
    state that nothing here knows.
    `hardware` is null for a board that is not in the inventory any more, `image` while
    nobody knows what is on the disk. `strikes` are by state, `power` names its outlets.
    """

    name: str
    state: str
    kind: Kind | None
    since: datetime
    deadline: datetime | None
    seconds_left: float | None
    generation: int
    image: str | None
    wanted_image: str | None
    hardware: str | None
    power: list[str]
    removed: bool
    strikes: dict[str, StrikeCount]
    version: int


class Boots(Struct, frozen=True):
    """What a board is given when it asks now; `reason` why that is nothing."""

    what: Literal["image", "disk", "nothing", "not-ours"]
    image: str | None = None
    reason: str | None = None


class RequestView(Struct, frozen=True):
    """A request, without its boot config: that may hold secrets, and all see this."""

    event: str
    image: str | None


class ProgressView(Struct, frozen=True):
    """How far the last boot over the network has come, as its fetches show.

    `steps` are events, each with the time it came last.
    """

    generation: int
    image: str
    steps: dict[str, datetime]
    summary: str


class OwedView(Struct, frozen=True):
    """An outlet that must be on again and is not yet known to be."""

    outlet: str
    board: str
    generation: int
    tries: int
    last_error: str | None


class OpenIncident(Struct, frozen=True):
    """What a board's failures are blamed on. `excuses`: its strikes do not count."""

    id: int
    kind: CauseKind
    name: str
    text: str
    excuses: bool


class BoardDetail(BoardSummary, frozen=True, kw_only=True):
    """Why a board is where it is, and what happens next.

    `came` is the row of history by which it came there, null while there is no store.
    `known_state` is false for a state that its lifecycle lacks. `waits_for_power`: its
    relay board has others to serve first. `progress` is null while it has fetched
    nothing; a start of lifeguard forgets that of older generations. `poll_withheld`:
    it does not answer, but so many do not that lifeguard doubts its own network.
    `incident` is the open one that it is failing in.
    """

    came: HistoryRow | None
    request: RequestView | None
    owed: list[OwedView]
    mac: str | None = None
    address: str | None = None
    known_state: bool = False
    accepted: list[str] = []
    next: list[Consequence] = []
    boots: Boots = Boots("not-ours")
    progress: ProgressView | None = None
    waits_for_power: bool = False
    poll_withheld: bool = False
    incident: OpenIncident | None = None


def summary(
    standing: Standing, managed: ManagedBoard | None, now: Moment
) -> BoardSummary:
    """One line; `managed` None: the board is not in the inventory any more."""
    left = None if standing.deadline is None else standing.deadline - now.service
    return BoardSummary(
        name=standing.board,
        state=standing.state,
        kind=_kind(managed),
        since=standing.since,
        deadline=None if left is None else now.wall + timedelta(seconds=left),
        seconds_left=None if left is None else max(0.0, left),
        generation=standing.generation,
        image=standing.image,
        wanted_image=standing.wanted_image,
        hardware=None if managed is None else managed.board.hardware,
        power=[] if managed is None else list(map(str, managed.board.power)),
        removed=managed is None,
        strikes={
            state: StrikeCount(strikes.count, _allowed(managed, state))
            for state, strikes in standing.strikes.items()
        },
        version=standing.version,
    )


def detail(
    managed: ManagedBoard,
    now: Moment,
    *,
    came: HistoryRow | None,
    decision: Decision,
    owed: Sequence[OwedOutlet],
    poll_withheld: bool,
    incident: OpenIncident | None,
) -> BoardDetail:
    """All there is to know of a board; `owed` are its outlets."""
    board, standing, lifecycle = managed.board, managed.standing, managed.lifecycle
    known = standing.state in lifecycle
    return BoardDetail(
        **asdict(summary(standing, managed, now)),
        mac=board.mac,
        address=board.address,
        known_state=known,
        came=came,
        request=_request(standing.request),
        accepted=lifecycle.accepted(standing.state),
        next=consequences(lifecycle, standing) if known else [],
        boots=_boots(decision),
        progress=_progress(managed.progress),
        owed=[owed_view(one) for one in owed],
        waits_for_power=known and still_waits(lifecycle, standing),
        poll_withheld=poll_withheld,
        incident=incident,
    )


def removed_detail(
    standing: Standing,
    now: Moment,
    *,
    came: HistoryRow | None,
    owed: Sequence[OwedOutlet],
) -> BoardDetail:
    """What is left of a board that is not in the inventory any more."""
    return BoardDetail(
        **asdict(summary(standing, None, now)),
        came=came,
        request=_request(standing.request),
        owed=[owed_view(one) for one in owed],
    )


def _kind(managed: ManagedBoard | None) -> Kind | None:
    if managed is None or managed.standing.state not in managed.lifecycle:
        return None
    return managed.lifecycle.kind(managed.standing.state)


def _allowed(managed: ManagedBoard | None, state: str) -> int | None:
    if managed is None or state not in managed.lifecycle:
        return None
    return managed.lifecycle[state].attempts


def _boots(decision: Decision) -> Boots:
    """The one decision, in words."""
    match decision:
        case BootImage(image):
            return Boots("image", image=image.name)
        case BootDisk():
            return Boots("disk")
        case CannotBoot(reason):
            return Boots("nothing", reason=reason)
        case HandsOff():
            return Boots("not-ours")


def _progress(progress: Progress | None) -> ProgressView | None:
    if progress is None:
        return None
    return ProgressView(
        progress.generation, progress.image, progress.steps, progress.summary()
    )


def _request(request: Request | None) -> RequestView | None:
    """The last request, for everyone."""
    if request is None:
        return None
    return RequestView(request.event, request.body.get("image"))


def owed_view(owed: OwedOutlet) -> OwedView:
    """An owed outlet by its name."""
    return OwedView(
        str(owed.outlet), owed.board, owed.generation, owed.tries, owed.last_error
    )


def open_incident(incident: Incident, excuses: bool) -> OpenIncident:
    """An incident, as one of its boards tells of it."""
    kind, name = incident.cause
    return OpenIncident(incident.id, kind, name, incident.text, excuses)
