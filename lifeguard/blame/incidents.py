"""The open incidents and their boards: who belongs to one, and when it is over.

A board belongs to one at most. Whose fault it is, is said by others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lifeguard.blame import words
from lifeguard.lifecycle.state import CYCLE_HELD
from lifeguard.model import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifeguard.blame.register import Register
    from lifeguard.blame.seams import Lab, Suspect
    from lifeguard.blame.sharing import Sharing
    from lifeguard.blame.together import TogetherRule
    from lifeguard.model import Incident, NoticeKind
    from lifeguard.power.condition import State


class Incidents:
    """Follows the boards of a lab, and its relay boards, from incident to incident.

    One on what boards share is over when no more than `share` of them still fail by
    it. In `register` stands what is meant; what is saved follows.
    """

    def __init__(
        self,
        lab: Lab,
        register: Register,
        sharing: Sharing,
        together: TogetherRule,
        share: float,
    ) -> None:
        self._lab, self._register, self._meant = lab, register, register.docket
        self._sharing, self._together, self._share = sharing, together, share
        self._broken: set[Cause] = set()
        """Relay boards that say so themselves, since the start."""

    # Boards.

    def follow(
        self, board: Suspect, came: str | None = None, *, told: bool = False
    ) -> None:
        """What the state of a board means for the incidents about it.

        `told`: people have been told already how it came to that state.
        """
        standing, lifecycle = board.standing, board.lifecycle
        if standing.state not in lifecycle:
            return
        failure = lifecycle.kind(standing.state) == "failed"
        cause = Cause("board", standing.board)
        own, together = self._meant.on(cause), self._meant.of(standing.board)
        if own is not None and not failure:
            self.close(own, f"it came to {standing.state}")
        if failure and own is None and together is None:
            text = came or f"{cause}: {standing.state}"
            self._register.open(cause, (standing.board,), text, told=told)
        state = lifecycle[standing.state]
        if together is not None and not failure and (state.clears or state.steady):
            self.recovered(together, standing.board)

    def joined(self, board: str, suspects: Iterable[Cause]) -> bool:
        """Whether it could be added to an open incident on one of the suspects."""
        for cause in suspects:
            if (incident := self._meant.on(cause)) is None:
                continue
            self.is_blamed_on(cause, board)
            boards = tuple(dict.fromkeys((*incident.boards, board)))
            # From an image that is set aside it is about to be freed.
            failing = () if incident.set_aside else (*incident.failing, board)
            self._register.change(replace(incident, boards=boards, failing=failing))
            return True
        return False

    def is_blamed_on(self, cause: Cause, board: str) -> None:
        """What the board fails by is known, and is not the board's own."""
        self._together.clear(board)
        if (own := self._meant.on(Cause("board", board))) is not None:
            self.close(own, f"blamed on {cause}")

    def recovered(self, incident: Incident, board: str) -> None:
        """It does well again, or a person has taken it away."""
        failing = tuple(each for each in incident.failing if each != board)
        incident, count = replace(incident, failing=failing), len(incident.boards)
        too_many = len(failing) > self._share * count
        if too_many or incident.cause in self._broken:
            return self._register.change(incident)
        self.close(incident, words.boards_do_well(len(failing), count))

    def close(
        self, incident: Incident, why: str, kind: NoticeKind = "incident-closed"
    ) -> None:
        """It is over, and people are told why."""
        self._register.close(incident, why, kind)
        if incident.cause.kind != "board":
            self.let_go(incident)

    def let_go(self, incident: Incident) -> None:
        """Its boards fail by it no more: those given up do so by themselves.

        Of those that were given up when it excused nobody any more, people were told.
        """
        for name in incident.failing:
            board = self._lab.boards[name]
            excused = self._lab.docket.excuses(incident, board.standing.entered)
            self.follow(board, told=not excused)

    def is_over(self, incident: Incident) -> bool:
        """Whether nothing is left of it; its cause may have left the inventory."""
        if incident.set_aside:
            return incident.cause.name not in self._lab.inventory.images
        return not incident.failing

    # Relay boards that say how they are doing.

    def relay_board_is(self, name: str, state: State, why: str) -> None:
        """A relay board has come to a state, for a reason if it is ill."""
        cause = Cause("relay-board", name)
        incident = self._meant.on(cause)
        if state == "Broken":
            self._broken.add(cause)
            self._breaks(cause, why)
        if state == "Working":
            self._broken.discard(cause)
            if incident is not None and incident.broken:
                self.close(incident, "it works again", "relay-board-works")

    def forget(self, cause: Cause) -> None:
        """It is no relay board any more, broken or not."""
        self._broken.discard(cause)

    def is_held(self, board: str) -> None:
        """Its power cycle waits: for a broken relay board, if it has one."""
        if self._meant.of(board) is None:
            broken = self._broken.intersection(self._sharing.causes[board])
            self.joined(board, sorted(broken))

    def has_cycled(self, board: str) -> None:
        """Its relay boards work: one that was broken before a start need not say so."""
        for cause in self._sharing.causes[board]:
            incident = self._meant.on(cause)
            if incident is not None and incident.broken and cause not in self._broken:
                self.close(incident, "it works again", "relay-board-works")

    def _breaks(self, cause: Cause, why: str) -> None:
        """An incident that is open on it already is its own from now on."""
        if (incident := self._meant.on(cause)) is not None:
            text = words.relay_board_is_broken(cause, why, incident.failing)
            news = None if incident.broken else f"incident {incident.id}: {text}"
            broken = replace(incident, broken=True)
            return self._register.change(broken, news, "relay-board-broken")
        boards = tuple(self._waiting_for(cause))
        for board in boards:
            self.is_blamed_on(cause, board)
        text = words.relay_board_is_broken(cause, why, boards)
        self._register.open(cause, boards, text, broken=True)

    def _waiting_for(self, relay_board: Cause) -> Iterator[str]:
        for name, causes in self._sharing.causes.items():
            if relay_board not in causes or self._meant.of(name) is not None:
                continue
            if CYCLE_HELD in self._lab.boards[name].standing.noted:
                yield name
