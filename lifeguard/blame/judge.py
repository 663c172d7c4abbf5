"""Whose fault it is that boards fail: what is said of them, weighed by the two rules.

A judgement is only ever meant here: nothing follows from it before it is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from lifeguard.blame import words
from lifeguard.blame.evidence import image_in_question
from lifeguard.blame.images import ImageRule
from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.blame.images import ImageCase
    from lifeguard.blame.incidents import Incidents
    from lifeguard.blame.register import Register
    from lifeguard.blame.seams import Lab, Suspect
    from lifeguard.blame.together import TogetherRule
    from lifeguard.clock import ServiceTime
    from lifeguard.config import Blame
    from lifeguard.model import Evidence


class Judge:
    """Weighs all evidence, in the order in which it was given, and opens incidents.

    `causes` are what each board shares with others.
    """

    def __init__(
        self,
        lab: Lab,
        settings: Blame,
        service_time: ServiceTime,
        register: Register,
        incidents: Incidents,
        together: TogetherRule,
        causes: Mapping[str, tuple[Cause, ...]],
    ) -> None:
        self._lab, self._settings, self._service_time = lab, settings, service_time
        self._register, self._meant = register, register.docket
        self._incidents, self._together = incidents, together
        self._images = ImageRule(
            settings.image_boards,
            settings.image_strikes,
            settings.image_window,
            causes,
        )

    # How boards are doing.

    def stands(self, board: Suspect) -> None:
        """A board is in the state that it is in."""
        lifecycle, standing = board.lifecycle, board.standing
        known = standing.state in lifecycle
        image = image_in_question(lifecycle, standing)
        installs = known and lifecycle.installs(standing.state)
        kind: Literal["image", "installed-image"]
        kind = "image" if installs else "installed-image"
        self._together.stands(
            standing.board,
            well=known and lifecycle[standing.state].clears,
            image=None if image is None else Cause(kind, image),
        )

    def joins(self, board: str, causes: tuple[Cause, ...]) -> None:
        """A board begins anew, by what it shares with others from now on."""
        self._together.join(board, causes)

    def clear(self, board: str) -> None:
        """A person has asked for something else: what it failed by is forgotten."""
        self._together.clear(board)

    def leaves(self, board: str) -> None:
        """It is no board of the lab any more."""
        self._together.leave(board)
        self._images.leave(board)

    def acquit(self, image: str) -> None:
        """What an image has failed by until now is forgotten."""
        self._images.forget(image)

    # What is said of them.

    def weigh(self, evidence: Evidence) -> bool:
        """Take it in; True: the board is failing, perhaps together with others."""
        if evidence.board not in self._lab.boards:
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

    def hear(self, evidence: Evidence) -> None:
        """Weigh it, and judge by all that is known."""
        failing = self.weigh(evidence)
        if evidence.verdict == "well":
            return self._judge_images() if evidence.about == "install" else None
        if evidence.about == "install" and evidence.image is not None:
            self._judge_image(evidence.image)
        if failing and self._meant.of(evidence.board) is None:
            self._blame_what_is_shared(evidence.board)

    def judge_all(self) -> None:
        """A lifeguard that was killed may have saved evidence and no judgement."""
        self._judge_images()
        for board in self._together.failing:
            # Without strikes: a person has asked for something else since.
            strikes = self._lab.boards[board].standing.strikes
            if strikes and self._meant.of(board) is None:
                self._blame_what_is_shared(board)

    # Images.

    def _judge_images(self) -> None:
        """One that is installed well may tell whose fault it is that others are not."""
        for image in self._images.suspects:
            self._judge_image(image)

    def _judge_image(self, image: str) -> None:
        if self._meant.failed_image(image) or image not in self._lab.inventory.images:
            return
        now = self._service_time.now()
        if (case := self._images.judge(image, now, self._any_is_well)) is not None:
            self._set_aside(case)

    def _any_is_well(self, cause: Cause, image: str) -> bool:
        return self._together.any_is_well(cause, Cause("installed-image", image))

    def _set_aside(self, case: ImageCase) -> None:
        text, cause = words.image_is_set_aside(case), Cause("image", case.image)
        for board in case.boards:
            self._together.clear(board)
        if (incident := self._meant.on(cause)) is None:
            self._register.open(cause, tuple(case.boards), text, set_aside=True)
            return
        boards = tuple(dict.fromkeys((*incident.boards, *case.boards)))
        aside = replace(incident, boards=boards, failing=(), text=text, set_aside=True)
        self._register.change(aside, f"incident {incident.id}: {text}")
        self._incidents.let_go(incident)

    # All else that boards share.

    def _blame_what_is_shared(self, board: str) -> None:
        if self._incidents.joined(board, self._together.suspects(board)):
            return
        if (case := self._together.judge(board)) is None:
            return
        for each in case.boards:
            self._incidents.is_blamed_on(case.cause, each)
        text = words.boards_fail_together(case, self._settings.patience)
        self._register.open(case.cause, case.boards, text)
