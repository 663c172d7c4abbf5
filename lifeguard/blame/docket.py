"""The open incidents, found by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.config.settings import PATIENCE
from lifeguard.model import Blamed, Cause

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifeguard.model import Incident


class Docket:
    """At most one incident of each cause.

    `patience` is how many service seconds an incident excuses the failures of its
    boards, so that none is retried for ever.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._open: dict[Cause, Incident] = {}
        self._by_board: dict[str, Incident] = {}

    @property
    def open(self) -> Iterable[Incident]:
        """All of them."""
        return self._open.values()

    def take(self, incident: Incident) -> None:
        """Know it as it is by now; a closed one is forgotten."""
        old = self._open.pop(incident.cause, None)
        if incident.closed is None:
            self._open[incident.cause] = incident
        if incident.cause.kind == "board":
            return
        for board in old.failing if old is not None else ():
            self._by_board.pop(board, None)
        if incident.closed is None:
            self._by_board.update(dict.fromkeys(incident.failing, incident))

    def on(self, cause: Cause) -> Incident | None:
        """The one that is open on this cause."""
        return self._open.get(cause)

    def of(self, board: str) -> Incident | None:
        """The one by whose cause a board fails, together with others."""
        return self._by_board.get(board)

    def about(self, board: str) -> Incident | None:
        """The one that a board stands in now: by what it shares, or alone."""
        return self.of(board) or self.on(Cause("board", board))

    def blamed(self, board: str, now: float) -> Blamed | None:
        """What a board's failures are blamed on at `now`, in service seconds."""
        incident = self._by_board.get(board)
        if incident is None:
            return None
        return Blamed(incident.id, incident.cause, self.excuses(incident, now))

    def excuses(self, incident: Incident, now: float) -> bool:
        """Whether it does at `now`, in service seconds."""
        return now - incident.since < self.patience

    def failed_image(self, image: str | None) -> Incident | None:
        """Why an image is set aside; None: it is not."""
        incident = self._open.get(Cause("image", image or ""))
        return incident if incident is not None and incident.set_aside else None
