"""Rules about the end of incidents: none outlasts what it is about, none is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.lifecycle.state import CYCLE_OK
from lifeguard.simulator.virtual.excuses import SETTINGS, name
from lifeguard.simulator.virtual.outages import BACK_SECONDS
from lifeguard.simulator.virtual.plan import HOUR
from lifeguard.simulator.virtual.uptime import Expectation

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Incident, Standing
    from lifeguard.simulator.virtual.durable import Durable, Written
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.outlets import OutletRules
    from lifeguard.simulator.virtual.uptime import Uptime, Watchdog
    from lifeguard.simulator.virtual.verdict import Verdicts

WORKS_SECONDS = 300.0
"""A relay board that has worked for so long has had to prove it."""

TRIES_SECONDS = SETTINGS.patience + 12 * HOUR
"""Within this a board that fails by an incident does well again, or is given up."""


class EndRules:
    """Watches every open incident, and every board that fails."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        durable: Durable,
        outlets: OutletRules,
        clock: HeapClock,
        uptime: Uptime,
        watchdog: Watchdog,
        verdicts: Verdicts,
    ) -> None:
        self._lifecycle, self._durable, self._outlets = lifecycle, durable, outlets
        self._clock, self._uptime = clock, uptime
        self._watchdog, self._verdicts = watchdog, verdicts
        self._of: dict[str, dict[int, float]] = {}
        """The open incidents that a board fails by, and since when it does."""
        self._broken_at: dict[int, float] = {}
        """When incidents on broken relay boards were last written."""

    # What becomes of boards.

    def committed(self, written: Written) -> None:
        """A board that is given up has an incident, one that is well has none."""
        before, after = written.before, written.change.after
        if written.change.row.event == CYCLE_OK:
            self._expect_works(after.board)
        if before is None or after.stay == before.stay:
            return
        board = after.board
        if self._is_given_up(after):
            text = f"{after.state}, and no incident tells of it"
            self._expect(after, text, lambda: bool(self._of.get(board)))
        elif self._is_given_up(before) or self._is_well(after):
            text = f"{after.state}, and an incident tells that it fails"
            self._expect(after, text, lambda: not self._fails_by(after))

    def _expect_works(self, board: str) -> None:
        """A power cycle proves what relay boards need not say after a start."""
        now, text = self._uptime.now(), "its power was cycled by a broken relay board"

        def met() -> bool:
            return not any(
                incident.broken
                and self._outlets.feeds(incident.cause.name, board)
                and self._outlets.worked_for(incident.cause.name) > BACK_SECONDS
                for incident in self._durable.incidents.values()
            )

        if not met():
            self._watchdog.expect(Expectation(10, board, now, BACK_SECONDS, met, text))

    def _fails_by(self, standing: Standing) -> bool:
        """Whether an open incident is about it; one that is well, by any cause."""
        shared = self._is_well(standing)
        return any(
            shared or self._durable.incidents[each].cause.kind == "board"
            for each in self._of.get(standing.board, ())
        )

    def _is_given_up(self, standing: Standing) -> bool:
        return self._lifecycle.kind(standing.state) == "failed"

    def _is_well(self, standing: Standing) -> bool:
        """Whether it does well, or a person has taken it away."""
        state = self._lifecycle[standing.state]
        return (state.clears or state.steady) and not self._is_given_up(standing)

    def _expect(self, after: Standing, text: str, so: Callable[[], bool]) -> None:
        def met() -> bool:
            return so() or self._durable.standings[after.board].stay != after.stay

        now = self._uptime.now()
        self._watchdog.expect(
            Expectation(10, after.board, now, BACK_SECONDS, met, text)
        )

    # What becomes of incidents.

    def judged(self, before: Incident | None, incident: Incident) -> None:
        """An incident is on the disk, as it is by now; `before`, as it was there."""
        is_open = incident.closed is None
        self._count(before, incident.id, incident.failing if is_open else ())
        if not is_open:
            self._broken_at.pop(incident.id, None)
            return
        self._check_failing(incident)
        if before is None and incident.cause.kind != "board":
            self._watch(incident.id, TRIES_SECONDS, self._check_tries)
        if incident.broken and incident.id not in self._broken_at:
            self._watch(incident.id, WORKS_SECONDS, self._check_works)
        if incident.broken:
            self._broken_at[incident.id] = self._clock.seconds()

    def _count(
        self, before: Incident | None, number: int, failing: tuple[str, ...]
    ) -> None:
        now = self._uptime.now()
        for board in before.failing if before is not None else ():
            if board not in failing:
                self._of[board].pop(number, None)
        for board in failing:
            of = self._of.setdefault(board, {})
            if number not in of:
                of[number] = now
                self._expect_one(board)

    def _expect_one(self, board: str) -> None:
        """Those of a board are saved one after the other: soon one is left."""

        def met() -> bool:
            return len(self._of[board]) < 2

        now, text = self._uptime.now(), "it fails by two incidents at once"
        self._watchdog.expect(Expectation(10, board, now, BACK_SECONDS, met, text))

    def _check_failing(self, incident: Incident) -> None:
        if incident.set_aside or incident.cause.kind == "board":
            return
        once = len(set(incident.failing)) == len(incident.failing)
        text = f"{name(incident)}: a board fails by it twice: {incident.failing}"
        self._verdicts.check(once, 10, "", text)
        if incident.broken:
            return
        enough = len(incident.failing) > SETTINGS.share * len(incident.boards)
        text = f"{name(incident)} is open, and most of its boards do well"
        self._verdicts.check(enough, 10, "", text)

    def _watch(
        self, number: int, pause: float, check: Callable[[Incident], None]
    ) -> None:
        def look() -> None:
            if (incident := self._durable.incidents.get(number)) is not None:
                check(incident)
                self._clock.callLater(pause, look)

        self._clock.callLater(pause, look)

    def _check_works(self, incident: Incident) -> None:
        """One that was broken before a start has nothing to say, until it is used."""
        if (
            self._broken_at[incident.id]
            < self._clock.seconds() - self._uptime.seconds_up()
        ):
            return
        works = self._outlets.worked_for(incident.cause.name)
        works = min(works, self._uptime.undisturbed())
        text = f"{name(incident)} is open, and that has worked for {works:g} s"
        self._verdicts.check(works < WORKS_SECONDS - 1e-3, 10, "", text)

    def _check_tries(self, incident: Incident) -> None:
        """Who is given up is for a person to take up, however late."""
        standings, oldest = self._durable.standings, self._uptime.now() - TRIES_SECONDS
        stuck = [
            board
            for board in incident.failing
            if self._of[board][incident.id] < oldest
            and not self._is_given_up(standings[board])
        ]
        text = f"{name(incident)}: {stuck} fail on and on"
        self._verdicts.check(not stuck, 10, "", text)
