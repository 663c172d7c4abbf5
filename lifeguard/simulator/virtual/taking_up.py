"""Rules about a start: what was under way is taken up soon, and not all at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lifeguard.board import RESUME
from lifeguard.config.settings import RESUME_RATE
from lifeguard.lifecycle.state import CYCLE_FAILED
from lifeguard.simulator.virtual.outages import BACK_SECONDS
from lifeguard.simulator.virtual.uptime import Expectation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifeguard.board import ManagedBoard
    from lifeguard.model import Change, Standing
    from lifeguard.simulator.virtual.durable import Durable
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.uptime import Uptime, Watchdog
    from lifeguard.simulator.virtual.verdict import Verdicts

MOST_IN_A_SECOND = RESUME_RATE + 3
"""One more at its begin, and some whose turn in their board's inbox came late."""


class TakingUpRules:
    """Knows which boards wait to be taken up by a daemon that has just started."""

    def __init__(
        self,
        durable: Durable,
        clock: HeapClock,
        uptime: Uptime,
        watchdog: Watchdog,
        verdicts: Verdicts,
    ) -> None:
        self._durable, self._clock, self._uptime = durable, clock, uptime
        self._watchdog, self._verdicts = watchdog, verdicts
        self._stays: dict[str, int] = {}
        """Of boards that wait, the stays that began what is to be taken up."""
        self._moments: deque[float] = deque()

    def began(self, boards: Iterable[ManagedBoard]) -> None:
        """A daemon has loaded these boards, and takes them up in their order."""
        self._moments.clear()
        self._stays = {}
        for place, managed in enumerate(filter(_lasts, boards)):
            standing = managed.standing
            if CYCLE_FAILED in standing.noted:  # that waits for its end
                continue
            if not managed.lifecycle.wants(standing.state, "keep_off"):
                self._stays[managed.board.name] = managed.standing.stay
                self._expect(managed.board.name, place / RESUME_RATE)

    def ended(self) -> None:
        """The daemon is gone."""
        self._stays = {}

    def waits(self, standing: Standing) -> bool:
        """Whether the board is still as the daemon before this one has left it."""
        return self._stays.get(standing.board) == standing.stay

    def polled(self, board: str, stay: int) -> None:
        """Its polls begin."""
        self._begun(board, stay)

    def commit_asked(self, change: Change) -> None:
        """A change is about to be saved."""
        if change.row.event == RESUME:
            self._begun(change.after.board, change.after.stay)

    def _begun(self, board: str, stay: int) -> None:
        if self._stays.get(board) != stay:
            return
        del self._stays[board]
        now, moments = self._clock.seconds(), self._moments
        moments.append(now)
        while moments[0] <= now - 1.0:
            moments.popleft()
        text = f"{len(moments)} boards were taken up within a second"
        # What was held while the store was away comes all at once.
        undisturbed = self._uptime.undisturbed() == self._uptime.seconds_up()
        few = len(moments) <= MOST_IN_A_SECOND
        self._verdicts.check(few or not undisturbed, 5, board, text)

    def _expect(self, board: str, after: float) -> None:
        def met() -> bool:
            saved = self._durable.standings[board]
            return self._stays is not stays or stays.get(board) != saved.stay

        stays, now = self._stays, self._uptime.now()
        text = "what it had under way was not taken up again"
        self._watchdog.expect(
            Expectation(5, board, now, after + BACK_SECONDS, met, text)
        )


def _lasts(managed: ManagedBoard) -> bool:
    state, lifecycle = managed.standing.state, managed.lifecycle
    lasts = lifecycle.wants(state, "poll") or lifecycle.wants(state, "keep_off")
    return lasts or lifecycle.orders_power(state)
