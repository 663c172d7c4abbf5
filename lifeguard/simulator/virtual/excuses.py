"""Rules about what blame does: it is saved first, and boards are excused by what is.

After each start the daemon knows the incidents that are saved, and no others; what it
has heard to be saved it goes by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.config import Blame
from lifeguard.simulator.virtual.outages import BACK_SECONDS
from lifeguard.simulator.virtual.uptime import Expectation

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.blame.docket import Docket
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Incident
    from lifeguard.simulator.virtual.durable import Durable
    from lifeguard.simulator.virtual.uptime import Uptime, Watchdog
    from lifeguard.simulator.virtual.verdict import Verdicts

SETTINGS = Blame()
"""How blame is laid: the configuration's defaults."""


class ExcuseRules:
    """Knows which incidents the daemon knows to be saved, and whom they excuse."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        durable: Durable,
        uptime: Uptime,
        watchdog: Watchdog,
        verdicts: Verdicts,
    ) -> None:
        self._lifecycle, self._durable, self._uptime = lifecycle, durable, uptime
        self._watchdog, self._verdicts = watchdog, verdicts
        self._docket: Docket | None = None
        """The daemon's own."""
        self._known: dict[int, Incident] = {}
        self._by_board: dict[str, Incident] = {}

    def began(self, docket: Docket) -> None:
        """A daemon has loaded what was saved."""
        self._docket = docket
        self._known, self._by_board = {}, {}
        for incident in self._durable.incidents.values():
            self._know(incident)
        loaded = {incident.id: incident for incident in docket.open}
        text = f"incidents {sorted(loaded)} were loaded, not {sorted(self._known)}"
        self._verdicts.check(loaded == self._known, 10, "", text)

    def ended(self) -> None:
        """The daemon is gone."""
        self._docket = None

    def heard(self, incident: Incident) -> None:
        """The daemon has heard that an incident is saved."""
        self._know(incident)
        docket = self._docket

        def met() -> bool:
            return docket is not self._docket or self._goes_by(incident)

        self._expect(met, f"{name(incident)} is saved, and the daemon does not know")
        if incident.set_aside:
            self._expect(
                lambda: not self._installs(incident), f"{incident.cause} is given away"
            )

    def excuses(self, board: str) -> bool:
        """Whether its failures do not count now."""
        incident, now = self._by_board.get(board), self._uptime.now()
        return incident is not None and now - incident.since < SETTINGS.patience

    def _know(self, incident: Incident) -> None:
        old = self._known.pop(incident.id, None)
        for board in old.failing if old is not None else ():
            self._by_board.pop(board, None)
        if incident.closed is not None:
            return
        self._known[incident.id] = incident
        if incident.cause.kind != "board":
            self._by_board.update(dict.fromkeys(incident.failing, incident))

    def _goes_by(self, incident: Incident) -> bool:
        assert self._docket is not None
        its, known = self._docket.on(incident.cause), self._known.get(incident.id)
        if known is None:
            return its is None or its.id != incident.id
        return its == known

    def _installs(self, incident: Incident) -> list[str]:
        """The boards that install an image which is set aside all the same."""
        now = self._durable.incidents.get(incident.id)
        if now is None or not now.set_aside:
            return []
        return [
            board
            for board, standing in self._durable.standings.items()
            if standing.wanted_image == incident.cause.name
            and self._lifecycle.installs(standing.state)
        ]

    def _expect(self, met: Callable[[], bool], text: str) -> None:
        now = self._uptime.now()
        self._watchdog.expect(Expectation(10, "", now, BACK_SECONDS, met, text))


def name(incident: Incident) -> str:
    """How an incident is called in what breaks a rule."""
    return f"incident {incident.id} on {incident.cause}"
