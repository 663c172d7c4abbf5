"""Hears what becomes of all boards, and lays the blame where the rules say.

An incident is saved before anything follows from it: before its boards are excused, an
image is refused, or anybody is told. `docket` is what has been saved; the inquiry
itself goes by what it means to save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.blame import words
from lifeguard.blame.clerk import Clerk
from lifeguard.blame.docket import Docket
from lifeguard.blame.evidence import image_in_question
from lifeguard.blame.images import ImageRule
from lifeguard.blame.sharing import Sharing
from lifeguard.blame.together import TogetherRule
from lifeguard.event import Event
from lifeguard.lifecycle.state import (
    CYCLE_HELD,
    IMAGE_SET_ASIDE,
    ONLY_IMAGE_SET_ASIDE,
    REQUEST_PREFIX,
)
from lifeguard.model import Cause, Incident, Judgement, Notice
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.config import Blame
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Change, Evidence, Inventory, Saved, Standing
    from lifeguard.power.condition import State

log = Logger()

PAGE = 500
"""So many boards are looked at, and so much evidence is read, in one turn: 5 ms."""

RETRY_SECONDS = 10.0
FORGET_SECONDS = 3600.0


class NotSetAside(Exception):
    """There is nothing to take back: the image is not set aside."""


class Store(Protocol):
    """The part of the store that keeps evidence and incidents."""

    def save_incident(self, judgement: Judgement) -> Deferred[None]: ...

    def evidence(
        self, after: int, since: float, until: float, at_most: int
    ) -> Deferred[list[tuple[int, Evidence]]]:
        """In the order in which it was given, with its ids, those above `after`."""

    def forget_evidence(self, before: float) -> Deferred[None]: ...


class Suspect(Protocol):
    """A board, as it stands."""

    lifecycle: Lifecycle
    standing: Standing

    def tell(self, event: Event) -> None: ...


class Lab(Protocol):
    """All boards; in `docket` it looks up what has been judged and saved."""

    docket: Docket

    @property
    def inventory(self) -> Inventory: ...

    @property
    def boards(self) -> Mapping[str, Suspect]: ...


class Inquiry:
    """To be told every committed change, from `begin` on.

    `told` is called when there is something new that people should hear.
    """

    def __init__(
        self,
        lab: Lab,
        store: Store,
        settings: Blame,
        clock: IReactorTime,
        service_time: ServiceTime,
        wall: WallClock,
        told: Callable[[], None],
    ) -> None:
        self._lab, self._store, self._settings = lab, store, settings
        self._clock, self._service_time, self._wall = clock, service_time, wall
        self._told = told
        self._meant = Docket(settings.patience)
        self._clerk = Clerk(store, clock, self._saved)
        self._last_incident = 0
        self._sharing = Sharing(lab.inventory, settings.address_prefix)
        self._images = ImageRule(
            settings.image_boards,
            settings.image_strikes,
            settings.image_window,
            self._sharing.causes,
        )
        self._together = TogetherRule(
            settings.boards,
            settings.share,
            settings.settle,
            settings.window,
            self._sharing.causes,
        )
        self._broken: set[str] = set()
        """Relay boards, by name."""
        self._held: list[Evidence] | None = []
        """What is new while the evidence of the time before the start is read."""
        self._going_on: Deferred[None] | None = None

    # Starting and stopping.

    def begin(self, saved: Saved) -> None:
        """Go on where a stopped lifeguard left off; the boards have been loaded."""
        self._last_incident = saved.last_incident
        for incident in saved.incidents:
            known = tuple(b for b in incident.failing if b in self._lab.boards)
            self._meant.take(replace(incident, failing=known))
        self._going_on = Deferred.fromCoroutine(self._go_on(saved.service_seconds))
        self._going_on.addErrback(_broke)

    def stop(self) -> None:
        """What has not been judged is judged anew after the next start."""
        self._clerk.stop()
        if self._going_on is not None:
            self._going_on.cancel()

    def store_is_away(self) -> None:
        """What is judged meanwhile has to wait."""

    def store_is_back(self) -> None:
        """What has waited is saved."""
        self._clerk.go_on()

    async def _go_on(self, until: float) -> None:
        await self._look_around()
        after = 0
        while self._held is not None:
            try:
                after = await self._remember(after, until)
            except StoreError as error:
                log.warn("evidence waits for the store: {error}", error=error)
                await deferLater(self._clock, RETRY_SECONDS)
        while True:
            await deferLater(self._clock, FORGET_SECONDS)
            await self._forget_old()

    async def _look_around(self) -> None:
        """See how every board stands, some at a time: a start waits for nobody."""
        for number, board in enumerate(self._lab.boards.values()):
            if number % PAGE == 0:
                await deferLater(self._clock, 0)
            self._stands(board.standing.board, board.standing)
            self._follow(board, board.standing)
            self._take_away_image(board)
        for incident in tuple(self._meant.open):
            if self._is_over(incident):
                self._close(incident, f"{incident.cause}: no board fails by it")

    def _is_over(self, incident: Incident) -> bool:
        """Whether nothing is left of it; its cause may have left the inventory."""
        if incident.set_aside:
            return incident.cause.name not in self._lab.inventory.images
        return not incident.failing

    async def _remember(self, after: int, until: float) -> int:
        """Take in a page of what was said before the start; the id to go on from."""
        await deferLater(self._clock, 0)
        since = until - self._longest_window
        page = await self._store.evidence(after, since, until, PAGE)
        for _, evidence in page:
            self._weigh(evidence)
        if len(page) == PAGE:
            return page[-1][0]
        held, self._held = self._held or [], None
        for evidence in held:
            self._hear(evidence)
        return 0

    async def _forget_old(self) -> None:
        before = self._service_time.now() - self._longest_window
        try:
            await self._store.forget_evidence(before)
        except StoreError as error:
            log.warn("evidence is forgotten later: {error}", error=error)

    @property
    def _longest_window(self) -> float:
        return max(self._settings.image_window, self._settings.window)

    # What becomes of boards.

    def changed(self, change: Change) -> None:
        """A committed change may be evidence, or end what a board is blamed for."""
        name, after = change.after.board, change.after
        board = self._lab.boards[name]
        self._stands(name, after)
        if change.row.event.startswith(REQUEST_PREFIX):
            self._together.clear(name)
        if change.evidence is not None and self._held is not None:
            self._held.append(change.evidence)
        elif change.evidence is not None:
            self._hear(change.evidence)
        if change.row.event == CYCLE_HELD and self._meant.of(name) is None:
            self._joined(name, self._broken_of(name))
        self._follow(board, after, words.board_is_given_up(change.row))
        self._take_away_image(board)

    def relay_board_is(self, name: str, state: State, why: str) -> None:
        """A relay board has come to a state, for a reason if it is ill."""
        cause = Cause("relay-board", name)
        incident = self._meant.on(cause)
        if state == "Broken":
            self._broken.add(name)
        if state == "Broken" and incident is None:
            boards = tuple(self._waiting_for(cause))
            text = words.relay_board_is_broken(cause, why, boards)
            incident = self._opened(cause, boards, text)
            self._decide(incident, f"incident {incident.id}: {text}")
        if state == "Working":
            self._broken.discard(name)
            if incident is not None:
                self._close(incident, f"{cause}: it works again")

    def _broken_of(self, board: str) -> list[Cause]:
        """Those of its relay boards that are broken."""
        causes = self._sharing.causes[board]
        return [
            cause
            for cause in causes
            if cause.kind == "relay-board" and cause.name in self._broken
        ]

    def _waiting_for(self, relay_board: Cause) -> Iterator[str]:
        for name, causes in self._sharing.causes.items():
            noted = self._lab.boards[name].standing.noted
            if relay_board in causes and CYCLE_HELD in noted:
                yield name

    def _stands(self, name: str, standing: Standing) -> None:
        lifecycle = self._lab.boards[name].lifecycle
        known = standing.state in lifecycle
        image = image_in_question(lifecycle, standing)
        installs = known and lifecycle.installs(standing.state)
        kind: Literal["image", "installed-image"]
        kind = "image" if installs else "installed-image"
        self._together.stands(
            name,
            well=known and lifecycle[standing.state].clears,
            image=None if image is None else Cause(kind, image),
        )

    def _weigh(self, evidence: Evidence) -> bool:
        """Take it in; True: that board is failing together with others, perhaps."""
        if evidence.board not in self._sharing.causes:
            return False  # it is not in the inventory any more
        incident = self._meant.of(evidence.board)
        own = Cause("image", evidence.image or "")
        if incident is None or incident.cause == own or evidence.verdict == "well":
            self._images.weigh(evidence)
        if incident is not None:
            return False
        if evidence.verdict == "well":
            self._together.clear(evidence.board)
            return False
        return self._together.failed(evidence)

    def _hear(self, evidence: Evidence) -> None:
        failing = self._weigh(evidence)
        if evidence.verdict == "well":
            return
        if evidence.about == "install" and evidence.image is not None:
            self._judge_image(evidence.image)
        if failing and self._meant.of(evidence.board) is None:
            self._blame_what_is_shared(evidence.board)

    def _follow(self, board: Suspect, standing: Standing, text: str = "") -> None:
        """What the state that a board is in means for the incidents about it."""
        known = standing.state in board.lifecycle
        failure = known and board.lifecycle.is_failure(standing.state)
        own = self._meant.on(Cause("board", standing.board))
        together = self._meant.of(standing.board)
        if own is not None and not failure:
            self._close(own, f"{own.cause}: not given up any more, {standing.state}")
        if failure and own is None and together is None:
            # The notice of it was part of the board's own change.
            came = text or f"board {standing.board}: {standing.state}"
            cause, boards = Cause("board", standing.board), (standing.board,)
            self._decide(self._opened(cause, boards, came))
        if together is not None and known and not failure:
            state = board.lifecycle[standing.state]
            if state.clears or state.steady:
                self._recovered(together, standing.board)

    # Incidents.

    def _judge_image(self, image: str) -> None:
        cause = Cause("image", image)
        now, incident = self._service_time.now(), self._meant.on(cause)
        if incident is not None and incident.set_aside:
            return
        if image not in self._lab.inventory.images:
            return
        case = self._images.judge(image, now, self._any_is_well)
        if case is None:
            return
        text = words.image_is_set_aside(case)
        for board in case.boards:
            self._together.clear(board)
        if incident is None:
            incident = self._opened(cause, tuple(case.boards), text, set_aside=True)
        else:
            boards = tuple(dict.fromkeys((*incident.boards, *case.boards)))
            changes = {"boards": boards, "failing": (), "text": text}
            incident = replace(incident, set_aside=True, **changes)
        self._decide(incident, f"incident {incident.id}: {text}")

    def _any_is_well(self, cause: Cause, image: str) -> bool:
        return self._together.any_is_well(cause, Cause("installed-image", image))

    def _blame_what_is_shared(self, board: str) -> None:
        if self._joined(board, self._together.suspects(board)):
            return
        if (case := self._together.judge(board)) is None:
            return
        for each in case.boards:
            self._together.clear(each)
            if (own := self._meant.on(Cause("board", each))) is not None:
                self._close(own, f"{own.cause}: blamed on {case.cause}")
        text = words.boards_fail_together(case, self._meant.patience)
        incident = self._opened(case.cause, case.boards, text)
        self._decide(incident, f"incident {incident.id}: {text}")

    def _joined(self, board: str, suspects: list[Cause]) -> bool:
        """Whether it could be added to an open incident on one of the suspects."""
        for cause in suspects:
            incident = self._meant.on(cause)
            if incident is None or incident.set_aside:
                continue
            self._together.clear(board)
            boards = tuple(dict.fromkeys((*incident.boards, board)))
            failing = (*incident.failing, board)
            self._decide(replace(incident, boards=boards, failing=failing))
            return True
        return False

    def _recovered(self, incident: Incident, board: str) -> None:
        """It does well again, or a person has taken it away."""
        failing = tuple(each for each in incident.failing if each != board)
        incident = replace(incident, failing=failing)
        is_broken = incident.cause.name in self._broken
        if is_broken or len(failing) > self._settings.share * len(incident.boards):
            return self._decide(incident)
        count = len(incident.boards)
        self._close(incident, words.boards_do_well(incident.cause, len(failing), count))

    def _opened(
        self, cause: Cause, boards: tuple[str, ...], text: str, set_aside: bool = False
    ) -> Incident:
        self._last_incident += 1
        return Incident(
            id=self._last_incident,
            cause=cause,
            opened=self._wall(),
            since=self._service_time.now(),
            boards=boards,
            failing=() if set_aside else boards,
            text=text,
            set_aside=set_aside,
        )

    def _close(self, incident: Incident, text: str) -> None:
        closed = replace(incident, closed=self._wall(), set_aside=False)
        self._decide(closed, f"incident {incident.id} is closed: {text}")
        if incident.cause.kind != "board":
            for name in incident.failing:
                self._follow(self._lab.boards[name], self._lab.boards[name].standing)

    def _decide(self, incident: Incident, news: str | None = None) -> None:
        self._meant.take(incident)
        notices: tuple[Notice, ...] = ()
        if news is not None:
            subject = incident.cause.name
            notices = (Notice(at=self._wall(), board=subject, text=news),)
        self._clerk.write(Judgement(incident, notices))

    def _saved(self, incident: Incident) -> None:
        self._lab.docket.take(incident)
        self._told()
        if incident.set_aside:
            for board in self._lab.boards.values():
                self._take_away_image(board)

    # Images that are set aside.

    def _take_away_image(self, board: Suspect) -> None:
        """A board that was to install an image that is set aside has failed nothing."""
        standing, lifecycle = board.standing, board.lifecycle
        if self._lab.docket.failed_image(standing.wanted_image) is None:
            return
        if standing.state not in lifecycle or not lifecycle.installs(standing.state):
            return
        event = ONLY_IMAGE_SET_ASIDE if standing.image is None else IMAGE_SET_ASIDE
        if lifecycle.transition(standing.state, event) is not None:
            board.tell(Event(name=event, source="blame", stay=standing.stay))

    def release(self, image: str) -> Deferred[None]:
        """Let boards have an image again; fires when that is saved.

        Raises NotSetAside. What it failed by until now is forgotten.
        """
        incident = self._meant.failed_image(image)
        if incident is None:
            raise NotSetAside(f"image {image} is not set aside")
        self._images.forget(image)
        released = self._clerk.written(incident.id)
        self._close(incident, f"{incident.cause}: taken back by an operator")
        return released


def _broke(failure: Failure) -> None:
    if failure.check(CancelledError) is None:
        log.failure("the inquiry broke", failure)
