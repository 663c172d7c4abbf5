"""Sees each operation of one daemon at its seams, and tells the rules and the tally.

After each it reaches a point where the daemon may be killed. Of a dead daemon nothing
is seen: what it still does in the step it died in reaches nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.model import Change, HistoryRow, Incident, Judgement, Outlet, Owed
    from lifeguard.power import RelayError
    from lifeguard.simulator.virtual.durable import Written
    from lifeguard.simulator.virtual.heap import LifeClock
    from lifeguard.simulator.virtual.rules import Rules
    from lifeguard.simulator.virtual.tally import Tally
    from lifeguard.store import StoreError

Operation = Literal[
    "commit asked",
    "written",
    "answered",
    "off asked",
    "on asked",
    "switched",
    "judged",
    "judgement heard",
]
"""Where a daemon may be killed: just after this, and before anything else."""


class LifeObserver:
    """What one daemon does to its store and its relay boards."""

    def __init__(
        self,
        clock: LifeClock,
        rules: Rules,
        tally: Tally,
        reach: Callable[[Operation, str], None],
    ) -> None:
        self.touched: list[str] = []
        """The boards of this step."""
        self._clock, self._rules, self._tally = clock, rules, tally
        self._reach = reach

    def _at(self, operation: Operation, board: str) -> None:
        if self._clock.alive and board:
            self.touched.append(board)
            self._reach(operation, board)

    # Of the store.

    def store_is_away(self) -> None:
        if self._clock.alive:
            self._rules.outages.became_known()

    def store_is_back(self) -> None:
        if self._clock.alive:
            self._rules.outages.is_over()

    def commit_asked(self, change: Change) -> None:
        if self._clock.alive:
            self._rules.commit_asked(change)
            self._at("commit asked", change.after.board)

    def commit_answered(self, board: str) -> None:
        if self._clock.alive:
            self._rules.answers.commit_answered(board)

    def committed(self, written: Written) -> None:
        self._rules.committed(written)
        excused = self._rules.excused(written.change.after.board)
        self._tally.committed(written, excused)

    def commit_refused(self, board: str, error: StoreError) -> None:
        self._rules.commit_refused(board, error)

    def judged(self, before: Incident | None, judgement: Judgement) -> None:
        incident = judgement.incident
        self._rules.judged(before, incident)
        self._tally.judged(before, incident)
        if self._clock.alive:
            self._reach("judged", str(incident.cause))

    def judgement_heard(self, incident: Incident) -> None:
        if self._clock.alive:
            self._rules.excuses.heard(incident)
            self._reach("judgement heard", str(incident.cause))

    def settled(self, owed: Owed) -> None:
        self._rules.outlets.settled(owed)

    def recorded(self, row: HistoryRow) -> None:
        self._tally.recorded(row)

    def answer_lost(self) -> None:
        self._rules.outages.answer_lost()

    def transaction_begins(self) -> float:
        return self._rules.uptime.transaction_begins()

    def transaction_written(self, begun: float, boards: list[str]) -> None:
        self._rules.uptime.write(begun)
        for board in boards:
            self._at("written", board)

    def unavailable(self, board: str) -> None:
        self._rules.outages.caller_hears(board)

    def answered(self, board: str) -> None:
        self._at("answered", board)

    # Of the boards, and of the relay boards.

    def poll_begins(self) -> None:
        self._rules.outages.poll_begins()

    def switch_asked(self, outlet: Outlet, on: bool) -> None:
        if self._clock.alive:
            self._rules.outlets.asked(outlet, on)
            board = self._rules.outlets.board_of(outlet)
            self._at("on asked" if on else "off asked", board)

    def switched(self, outlet: Outlet, error: RelayError | None) -> None:
        self._rules.outlets.switched(outlet, error)
        self._at("switched", self._rules.outlets.board_of(outlet))
