"""Rules about guilt: what is blamed for the failures of boards has to do with them.

The plan knows what is ill. But chance may look the same: boards that fail all within
one window, each by itself or by other things, and share something. So this can be
claimed of a cause, and no more: that it was ill, or that as many of its boards did fail
as must for it to be blamed. Of a time when lifeguard's own network was ill nothing is
claimed: whom it does not hear fails, and whom the brake spares does well. A relay board
that is called broken has failed just before.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lifeguard.model import Cause
from lifeguard.simulator.virtual.ailments import NETWORK
from lifeguard.simulator.virtual.excuses import SETTINGS, name
from lifeguard.simulator.virtual.plan import HOUR

if TYPE_CHECKING:
    from lifeguard.model import Incident
    from lifeguard.simulator.virtual.ailments import Ailments
    from lifeguard.simulator.virtual.outlets import OutletRules
    from lifeguard.simulator.virtual.uptime import Uptime
    from lifeguard.simulator.virtual.verdict import Verdicts

LATE_SECONDS = 2 * HOUR
"""So much later lifeguard may see what a board has failed by: at the end of a state."""

PROBE_SECONDS = 60.0
"""Longer than the longest pause between two tries of a relay board that is ill."""


class GuiltRules:
    """Compares each accusation with what the plan knows."""

    def __init__(
        self,
        ailments: Ailments,
        outlets: OutletRules,
        uptime: Uptime,
        verdicts: Verdicts,
    ) -> None:
        self._ailments, self._outlets = ailments, outlets
        self._uptime, self._verdicts = uptime, verdicts
        self.by_chance: Counter[str] = Counter()
        """How often what was not ill has been blamed, by its kind."""

    def judged(self, before: Incident | None, incident: Incident) -> None:
        """An incident is on the disk, as it is by now; `before`, as it was there."""
        if incident.closed is not None or incident.cause.kind == "board":
            return
        if incident.broken and (before is None or not before.broken):
            self._check_broken(incident)
        elif before is None or (incident.set_aside and not before.set_aside):
            self._check_guilt(incident)

    def _check_broken(self, incident: Incident) -> None:
        if self._uptime.undisturbed() < PROBE_SECONDS:
            return  # who knows how long it was on its way
        works = self._outlets.worked_for(incident.cause.name)
        text = f"{name(incident)}: it has worked for {works:g} s"
        self._verdicts.check(works < PROBE_SECONDS, 10, "", text)

    def _check_guilt(self, incident: Incident) -> None:
        cause = incident.cause
        if cause.kind == "installed-image":
            cause = Cause("image", cause.name)
        window, needed = _figures(incident)
        if self._ailments.was_ill(cause, window):
            return
        if self._ailments.was_ill(NETWORK, window):
            return
        self.by_chance[cause.kind] += 1
        failed = [
            board
            for board in incident.boards
            if self._ailments.has_failed(board, window)
        ]
        text = f"{name(incident)}: it is innocent; only {failed} did fail"
        self._verdicts.check(len(failed) >= needed, 10, "", text)


def _figures(incident: Incident) -> tuple[float, int]:
    """The window in service seconds, and how many boards must have failed in it."""
    if incident.set_aside:
        return SETTINGS.image_window + LATE_SECONDS, SETTINGS.image_boards
    return SETTINGS.window + LATE_SECONDS, SETTINGS.boards
