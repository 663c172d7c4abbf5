"""Hears what becomes of all boards, and has it judged.

Whose fault it is that boards fail, the `Judge` says; who belongs to an incident that is
open, and when it is over, the `Incidents` know.

An incident is saved before anything follows from it: before its boards are excused, an
image is refused, or anybody is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from lifeguard.blame import words
from lifeguard.blame.incidents import Incidents
from lifeguard.blame.judge import Judge
from lifeguard.blame.recollection import Recollection
from lifeguard.blame.register import Register
from lifeguard.blame.sharing import Sharing
from lifeguard.blame.together import TogetherRule
from lifeguard.event import Event
from lifeguard.lifecycle.state import (
    CYCLE_HELD,
    CYCLE_OK,
    IMAGE_SET_ASIDE,
    ONLY_IMAGE_SET_ASIDE,
)
from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.blame.seams import Lab, Store, Suspect
    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.config import Blame
    from lifeguard.model import Change, Evidence, Incident, Saved
    from lifeguard.power.condition import State

log = Logger()

BOARDS = 500
"""So many are looked at in one turn after a start: some 5 ms."""

GONE = "it was taken from the inventory"


class NotSetAside(Exception):
    """There is nothing to take back: the image is not set aside."""


class Inquiry:
    """To be told every committed change, from `load` on.

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
        self._lab, self._clock, self._told = lab, clock, told
        self._register = Register(store, clock, service_time, wall, self._saved)
        self._meant = self._register.docket
        window = max(settings.image_window, settings.window)
        self._recollection = Recollection(store, clock, service_time, window)
        self._sharing = sharing = Sharing(lab.inventory, settings.address_prefix)
        together = TogetherRule(
            settings.boards,
            settings.share,
            settings.settle,
            settings.window,
            sharing.causes,
        )
        self._incidents = Incidents(
            lab, self._register, sharing, together, settings.share
        )
        self._judge = Judge(
            lab,
            settings,
            service_time,
            self._register,
            self._incidents,
            together,
            sharing.causes,
        )
        self._held: list[Evidence] | None = []
        """What is new while that of the time before the start is recalled."""
        self._looking: Deferred[None] | None = None

    # Starting and stopping.

    def load(self, saved: Saved) -> None:
        """Know what was open; to be called when the boards have been loaded."""
        incidents = tuple(
            replace(each, failing=tuple(b for b in each.failing if self._has(b)))
            for each in saved.incidents
        )
        self._register.resume(incidents, saved.last_incident)

    def begin(self, saved: Saved) -> None:
        """Go on where a stopped lifeguard left off."""
        self._looking = Deferred.fromCoroutine(self._look_around(saved))
        self._looking.addErrback(_broke)

    def stop(self) -> None:
        """What has not been judged is judged anew after the next start."""
        self._register.clerk.stop()
        self._recollection.stop()
        if self._looking is not None:
            self._looking.cancel()

    def store_is_away(self) -> None:
        """What is judged meanwhile has to wait."""

    def store_is_back(self) -> None:
        """What has waited is saved."""
        self._register.clerk.go_on()

    async def _look_around(self, saved: Saved) -> None:
        """See how every board stands, some at a time: a start waits for nobody.

        Before there were incidents, nobody was given up without a word.
        """
        told = saved.last_incident == 0
        for number, name in enumerate(tuple(self._lab.boards)):
            if number % BOARDS == 0:
                await deferLater(self._clock, 0)
            if (board := self._lab.boards.get(name)) is not None:
                self._look_at(board, told=told)
        for incident in tuple(self._meant.open):
            if self._incidents.is_over(incident):
                self._incidents.close(incident, "no board fails by it")
        weigh, until = self._judge.weigh, saved.service_seconds
        self._recollection.begin(until, weigh, self._recalled)

    def _look_at(self, board: Suspect, *, told: bool) -> None:
        self._judge.stands(board)
        self._incidents.follow(board, told=told)
        self._take_away_image(board)

    def _recalled(self) -> None:
        held, self._held = self._held or [], None
        for evidence in held:
            self._judge.hear(evidence)
        self._judge.judge_all()

    def _has(self, board: str) -> bool:
        return board in self._lab.boards

    # What becomes of the inventory.

    def take_boards(self, names: Iterable[str]) -> None:
        """Boards that are new in the lab's inventory, or of which it says otherwise."""
        for name in names:
            causes = self._sharing.of(self._lab.inventory.boards[name])
            before = self._sharing.causes.get(name, ())
            if causes != before:
                self._shares(name, before, causes)

    def _shares(
        self, name: str, before: tuple[Cause, ...], causes: tuple[Cause, ...]
    ) -> None:
        self._sharing.causes[name] = causes
        self._judge.joins(name, causes)
        incident, board = self._meant.of(name), self._lab.boards[name]
        if incident is not None and incident.cause in {*before} - {*causes}:
            self._incidents.recovered(incident, name)
        self._judge.stands(board)
        self._incidents.follow(board, told=True)

    def board_left(self, name: str) -> None:
        """It is about to be no board of the lab any more."""
        if (own := self._meant.on(Cause("board", name))) is not None:
            self._incidents.close(own, GONE)
        if (together := self._meant.of(name)) is not None:
            self._incidents.recovered(together, name)
        self._judge.leaves(name)
        del self._sharing.causes[name]

    def left(self, cause: Cause) -> None:
        """An image, a relay board or a hardware type is in the inventory no more."""
        self._incidents.forget(cause)
        if (incident := self._meant.on(cause)) is not None:
            self._incidents.close(incident, GONE)

    # What becomes of boards.

    def changed(self, change: Change) -> None:
        """A committed change may be evidence, or end what a board is blamed for."""
        if _tells_nothing(change):
            return
        name, event = change.after.board, change.row.event
        board = self._lab.boards[name]
        self._judge.stands(board)
        if _is_asked_for(change):
            self._judge.clear(name)
        if change.evidence is not None:
            self._hear(change.evidence)
        if event == CYCLE_HELD:
            self._incidents.is_held(name)
        if event == CYCLE_OK:
            self._incidents.has_cycled(name)
        came = words.board_is_given_up(change.row)
        self._incidents.follow(board, came, told=bool(change.notices))
        self._take_away_image(board)

    def _hear(self, evidence: Evidence) -> None:
        if self._held is None:
            self._judge.hear(evidence)
        else:
            self._held.append(evidence)

    def relay_board_is(self, name: str, state: State, why: str) -> None:
        """A relay board has come to a state, for a reason if it is ill.

        One that only waits to be closed is nobody's trouble any more.
        """
        if name in self._lab.inventory.relay_boards:
            self._incidents.relay_board_is(name, state, why)

    # What follows, once it is saved.

    def _saved(self, incident: Incident) -> None:
        self._lab.docket.take(incident)
        self._told()
        if incident.set_aside:
            for board in self._lab.boards.values():
                self._take_away_image(board)

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

    async def release(self, image: str) -> None:
        """Let boards have an image again; done when that is saved.

        Raises NotSetAside, or StoreError. What it failed by until now is forgotten.
        """
        if (incident := self._lab.docket.failed_image(image)) is None:
            raise NotSetAside(f"image {image} is not set aside")
        written = self._register.clerk.written(incident.id)
        self._judge.acquit(image)
        if self._meant.failed_image(image) is not None:
            self._incidents.close(incident, "taken back by an operator")
        self._register.clerk.go_on()
        await written


def _tells_nothing(change: Change) -> bool:
    """Whether the board only goes on with what it is about, as most boards do."""
    row = change.row
    goes_on = row.outcome == "noted" and row.event != CYCLE_HELD
    return goes_on and change.evidence is None


def _is_asked_for(change: Change) -> bool:
    request = change.after.request
    return request is not None and request.event == change.row.event


def _broke(failure: Failure) -> None:
    if failure.check(CancelledError) is None:
        log.failure("the inquiry broke", failure)
