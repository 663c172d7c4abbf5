"""A rule that was broken, and everything a reader needs to see it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifeguard.model import HistoryRow
    from lifeguard.simulator.virtual.plan import Plan

RULES: Final = {
    1: "saved before done",
    2: "what a state started, leaving it stops",
    3: "one event at a time per board",
    4: "nothing without an end",
    5: "resume, do not restart",
    6: "never left off",
    7: "an action may fail, it never raises",
    8: "without a store nothing is acknowledged, nothing is lost",
    9: "the brake: an ill network is no reason to reboot boards",
    10: "blamed is who is to blame, and nobody else pays for it",
}
"""The rules by their number in the design; 9 is said with the lifecycle there, 10 is
what the inquiry promises."""


class Breach(NamedTuple):
    """Which rule, on which board ("" for none), and what was seen."""

    rule: int
    board: str
    text: str


class Verdicts:
    """What was found broken. Nothing is raised here: whoever is in the midst of a
    step of the daemon may be called by code that catches everything."""

    def __init__(self) -> None:
        self.breaches: list[Breach] = []

    def broken(self, rule: int, board: str, text: str) -> None:
        """Note a breach of a rule."""
        self.breaches.append(Breach(rule, board, text))

    def check(self, holds: bool, rule: int, board: str, text: str) -> None:
        """Note a breach of a rule unless it `holds`."""
        if not holds:
            self.broken(rule, board, text)


class RuleBroken(Exception):
    """A rule was broken in a run; the text tells the whole story."""

    def __init__(
        self,
        plan: Plan,
        seconds: float,
        breach: Breach,
        rows: Sequence[HistoryRow],
        troubles: Sequence[str],
    ) -> None:
        self.plan, self.seconds, self.breach = plan, seconds, breach
        self.rows, self.troubles = rows, troubles
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> list[str]:
        rule, board, text = self.breach
        return [
            f"rule {rule} broken ({RULES[rule]}): {board or 'the lab'}: {text}",
            f"at {self.seconds:.3f} s of virtual time; {self.plan}",
            f"only: {', '.join(self.plan.only or ('all boards',))}",
            f"troubles: {self.plan.troubles}",
            "what happened to the lab:",
            *(f"  {trouble}" for trouble in self.troubles),
            f"the last of the history of {board}:",
            *(f"  {_line(row)}" for row in self.rows),
        ]


def _line(row: HistoryRow) -> str:
    reason = f" ({row.reason})" if row.reason else ""
    times = f" x{row.count}" if row.count > 1 else ""
    return (
        f"{row.at:%m-%d %H:%M:%S.%f} {row.outcome}{times}, generation {row.generation}:"
        f" {row.from_state} -- {row.event} --> {row.to_state}{reason}"
    )
