"""What became of a lab, in figures: recoveries, failures, strikes, time, speed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from lifeguard.lifecycle.state import POLL_FAILED
from lifeguard.simulator.virtual.changes import is_a_persons, struck

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import HistoryRow, Incident
    from lifeguard.simulator.virtual.durable import Written
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.plan import Plan

IN_SERVICE = "Ready"


class Tally:
    """Counts what is written; nothing is judged here."""

    def __init__(
        self, lifecycle: Lifecycle, boards: Iterable[str], clock: HeapClock
    ) -> None:
        self._lifecycle, self._clock = lifecycle, clock
        self._since = dict.fromkeys(boards, 0.0)
        self._state = dict.fromkeys(self._since, "New")
        self._fell: set[str] = set()
        self.changes = self.recoveries = self.strikes = self.cycles = 0
        self.failures: Counter[str] = Counter()
        self.excused = self.set_aside = 0
        self.incidents: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def committed(self, written: Written, excused: bool) -> None:
        change, before = written.change, written.before
        board, state = change.after.board, change.after.state
        self.changes += 1
        self.outcomes[change.row.outcome] += 1
        self.cycles += bool(change.owed) and not self._lifecycle.is_off(state)
        if before is not None and struck(self._lifecycle, before, change.row.event):
            self.strikes += not excused
            self.excused += excused
        self._follow(board, change.row)
        if state != self._state[board]:
            self._spend(board)
            self._state[board] = state
            if state.startswith("Failed"):
                self.failures[state] += 1

    def _follow(self, board: str, row: HistoryRow) -> None:
        """A recovery: a board fell out of service and came back by itself."""
        if row.event == POLL_FAILED:
            self._fell.add(board)
        elif is_a_persons(row):
            self._fell.discard(board)
        elif row.to_state == IN_SERVICE and board in self._fell:
            self._fell.discard(board)
            self.recoveries += 1

    def judged(self, before: Incident | None, incident: Incident) -> None:
        if before is None and incident.closed is None:
            self.incidents[incident.cause.kind] += 1
        if incident.set_aside and not (before and before.set_aside):
            self.set_aside += 1

    def recorded(self, row: HistoryRow) -> None:
        self.outcomes[row.outcome] += 1

    def _spend(self, board: str) -> None:
        now = self._clock.seconds()
        self._seconds[self._state[board]] += now - self._since[board]
        self._since[board] = now

    def shares(self) -> dict[str, float]:
        """The share of all boards' time that was spent in each state."""
        for board in self._since:
            self._spend(board)
        total = sum(self._seconds.values()) or 1.0
        return {state: seconds / total for state, seconds in self._seconds.items()}

    def report(self, plan: Plan, steps: int, seconds: float) -> str:
        """All of it, for people. `seconds` is what the run took."""
        shares = self.shares()
        out = 1.0 - shares.get(IN_SERVICE, 0.0)
        failed = sum(share for state, share in shares.items() if "Failed" in state)
        speed = self._clock.seconds() / seconds if seconds else 0.0
        return "\n".join(
            [
                f"{plan}: no rule broken",
                f"recoveries      {self.recoveries}",
                f"failures        {_counts(self.failures)}",
                f"strikes         {self.strikes}, and {self.excused} excused",
                f"incidents       {_counts(self.incidents)};"
                f" {self.set_aside} images set aside",
                f"out of service  {out:.2%} of the time, {failed:.2%} failed",
                f"power cycles    {self.cycles}",
                f"troubles        {_counts(self.troubles)}",
                f"events          {_counts(self.outcomes)}",
                f"changes         {self.changes}",
                f"wall time       {seconds:.1f} s: {steps} steps,"
                f" {steps / max(seconds, 1e-9):.0f} a second,"
                f" {speed:.0f} times as fast as time",
            ]
        )


def _counts(counter: Counter[str]) -> str:
    total = sum(counter.values())
    parts = ", ".join(f"{count} {name}" for name, count in counter.most_common())
    return f"{total}: {parts}" if parts else "0"
