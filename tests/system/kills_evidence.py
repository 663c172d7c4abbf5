"""What a campaign of kills has left behind, and what is wrong with it: pure.

The simulator's log says what boards sent and heard, and what went wrong with them;
the history says what the daemon remembers. Neither is believed without the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.lifecycle.state import Strike
from lifeguard.simulator.plan import PlannedBoard

from .kills_driver import Asked

ATTEMPTS = 2
"""Strikes that each state of the lab retries: a dead board's third one gives up."""

Row = Mapping[str, Any]

ONCE = {"installer-running", "install-ok", "image-running"}
"""What a board reports once in a generation; `install-progress` it may repeat."""

_SENT = re.compile(r"/boards/(\S+)/events: (\S+) sent$", re.M)
_HEARD = re.compile(
    r"/boards/(\S+)/events: (\S+) (acknowledged|repeated) in generation (\d+)$", re.M
)
_HANGS = re.compile(r"\] (\S+) hangs: (.+)$", re.M)
_STICKS = re.compile(r"\] (\S+): relay (\d) of bank 1 sticks$", re.M)

_NO_FAULT = "nothing to boot"
"""Why a board hangs that nobody has installed, or whose installer was refused."""


class Report(NamedTuple):
    """An event, and the boot it belongs to."""

    event: str
    generation: int

    def __str__(self) -> str:
        return f"{self.event} in generation {self.generation}"


class Log(Struct):
    """What the simulator's log says of one board."""

    sent: Counter[str]
    acknowledged: Counter[Report]
    repeated: Counter[Report]
    hangs: int
    sticks: int


def read_log(text: str, boards: list[PlannedBoard]) -> dict[str, Log]:
    """The log of each board by name."""
    logs = {board.name: Log(Counter(), Counter(), Counter(), 0, 0) for board in boards}
    outlets = {(board.relay_board, str(board.relay)): board.name for board in boards}
    for name, event in _SENT.findall(text):
        logs[name].sent[event] += 1
    for name, event, how, generation in _HEARD.findall(text):
        log = logs[name]
        heard = log.acknowledged if how == "acknowledged" else log.repeated
        heard[Report(event, int(generation))] += 1
    for name, why in _HANGS.findall(text):
        logs[name].hangs += why != _NO_FAULT
    for outlet in _STICKS.findall(text):
        logs[outlets[outlet]].sticks += 1
    return logs


class Evidence(Struct, kw_only=True):
    """One board at the end of a campaign: `expected` is its state, `strikes` what the
    daemon shows, `life` what the simulator does."""

    expected: str
    state: str
    strikes: dict[str, int]
    life: dict[str, str | None]
    asked: Asked
    log: Log
    history: Sequence[Row]

    def wrong(self) -> list[str]:
        """Everything that is not as it must be."""
        return [
            *self._wrong_end(),
            *self._wrong_events(),
            *self._wrong_requests(),
            *self._wrong_strikes(),
        ]

    def _wrong_end(self) -> Iterator[str]:
        if self.state != self.expected:
            yield f"it stands in {self.state}, not in {self.expected}"
        runs = "system" if self.expected == "Ready" else "hung"
        if (self.life["power"], self.life["runs"]) != ("on", runs):
            yield f"in truth it is {self.life}"

    def _wrong_events(self) -> Iterator[str]:
        """Acknowledged: saved, once. An answer that was lost may have been given."""
        log, saved = self.log, self._saved()
        for report in log.acknowledged.keys() | log.repeated.keys():
            heard, times = log.acknowledged[report], saved[report]
            if times < max(heard, 1):
                yield f"{report}: acknowledged {heard} times, saved {times} times"
        for report, times in saved.items():
            if report.event in ONCE and times > 1:
                yield f"{report}: saved {times} times"
        for event, count in log.sent.items():
            times = sum(saved[report] for report in saved if report.event == event)
            if times > count:
                yield f"{event}: saved {times} times, sent {count} times"

    def _wrong_requests(self) -> Iterator[str]:
        """As with events; an answer that was lost may have been one or none."""
        asked, accepted = self.asked, Counter(self.asked.accepted)
        # A request is the last thing of a generation, and answered with the next.
        saved = Counter(
            row["generation"] + 1
            for row in self._moves()
            if row["event"] == "rq-reimage"
        )
        if accepted - saved or (saved - accepted).total() > asked.unanswered:
            yield (
                f"accepted in generations {asked.accepted}, "
                f"{asked.unanswered} not answered, saved in {list(saved.elements())}"
            )
        if asked.repeated > asked.unanswered:
            yield f"repeats that are none: {asked.repeated} of {asked.unanswered}"

    def _wrong_strikes(self) -> Iterator[str]:
        """Each is counted when it comes, and comes of a fault that was really there."""
        strikes, struck = Counter[str](), 0
        faults = f"it hung {self.log.hangs} times, its relay {self.log.sticks} times"
        for row in self._moves():
            _count(strikes, row)
            if _is_strike(row):
                struck += 1
                count = strikes[row["from_state"]]
                if f"strike {count}, {ATTEMPTS} allowed" not in row["reason"]:
                    yield f"row {row['id']} is strike {count}"
        if strikes != self.strikes:
            yield f"its strikes are {self.strikes}, its history has {dict(strikes)}"
        if struck > self.log.hangs + self.log.sticks:
            yield f"{struck} strikes, but {faults}"
        if struck < self.log.hangs - sum(map(_excuses, self.history)):
            yield f"{struck} strikes, but {faults}"

    def _saved(self) -> Counter[Report]:
        return Counter(
            Report(row["event"], row["generation"])
            for row in self.history
            if row["outcome"] in ("moved", "noted")
        )

    def _moves(self) -> Iterator[Row]:
        return (row for row in self.history if row["outcome"] == "moved")


def _is_strike(row: Row) -> bool:
    return isinstance(LIFECYCLE.transition(row["from_state"], row["event"]), Strike)


def _count(strikes: Counter[str], row: Row) -> None:
    """What a move makes of the strikes of its board."""
    if row["event"] == "rq-reimage":
        strikes.clear()
    if _is_strike(row):
        strikes[row["from_state"]] += 1
    if row["to_state"] == "Ready":
        for state in strikes.keys() - {"Ready"}:
            del strikes[state]


def _excuses(row: Row) -> bool:
    """It ordered a power cycle, perhaps of a board that hung, and is no strike."""
    event: str = row["event"]
    return event == "resume" or (event == "rq-reimage" and row["from_state"] != "Ready")
