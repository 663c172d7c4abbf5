"""The incidents as they are meant to be, each on its way into the store.

What has been saved is in the lab's own docket. An inquiry goes by what it has decided,
whether that is saved by now or not; the lab goes by what is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lifeguard.blame.clerk import Clerk
from lifeguard.blame.docket import Docket
from lifeguard.model import Incident, Judgement, Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.blame.clerk import Store
    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.model import Cause, NoticeKind


class Register:
    """Opens, changes and closes incidents; `saved` hears of each that is saved."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        service_time: ServiceTime,
        wall: WallClock,
        saved: Callable[[Incident], None],
    ) -> None:
        self.docket = Docket()
        self.clerk = Clerk(store, clock, saved)
        self._service_time, self._wall = service_time, wall
        self._last = 0

    def resume(self, incidents: tuple[Incident, ...], last: int) -> None:
        """The open ones of before the start, and the highest id of any."""
        self._last = last
        for incident in incidents:
            self.docket.take(incident)

    def open(
        self,
        cause: Cause,
        boards: tuple[str, ...],
        text: str,
        *,
        set_aside: bool = False,
        broken: bool = False,
        told: bool = False,
    ) -> None:
        """A new one, of which people are told unless they have been `told` already.

        That of a single board is opened because the board was given up.
        """
        self._last += 1
        incident = Incident(
            id=self._last,
            cause=cause,
            opened=self._wall(),
            since=self._service_time.now(),
            boards=boards,
            failing=() if set_aside else boards,
            text=text,
            set_aside=set_aside,
            broken=broken,
        )
        news = None if told else f"incident {incident.id}: {text}"
        alone: NoticeKind = "given-up" if cause.kind == "board" else "incident-opened"
        self.change(incident, news, "relay-board-broken" if broken else alone)

    def close(
        self, incident: Incident, why: str, kind: NoticeKind = "incident-closed"
    ) -> None:
        """It is over, and people are told why."""
        closed = replace(incident, closed=self._wall(), set_aside=False)
        subject = f"incident {incident.id} is closed: {incident.cause}"
        self.change(closed, f"{subject}: {why}", kind)

    def change(
        self,
        incident: Incident,
        news: str | None = None,
        kind: NoticeKind = "incident-opened",
    ) -> None:
        """It is so from now on; `news` is what people are told of it."""
        self.docket.take(incident)
        notices: tuple[Notice, ...] = ()
        if news is not None:
            subject = incident.cause.name
            notices = (Notice(at=self._wall(), board=subject, text=news, kind=kind),)
        self.clerk.write(Judgement(incident, notices))
