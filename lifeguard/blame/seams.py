"""What an inquiry needs of the lab and of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lifeguard.blame import clerk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.defer import Deferred

    from lifeguard.blame.docket import Docket
    from lifeguard.event import Event
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Evidence, Inventory, Standing


class Store(clerk.Store, Protocol):
    """The part of the store that keeps evidence and incidents."""

    def evidence(
        self, after: int, since: float, until: float, at_most: int
    ) -> Deferred[list[tuple[int, Evidence]]]:
        """In the order in which it was given, with its ids, those above `after`."""

    def forget_evidence(self, before: float) -> Deferred[None]: ...


class Suspect(Protocol):
    """A board, as it stands."""

    lifecycle: Lifecycle
    standing: Standing

    def tell(self, event: Event) -> None: ...


class Lab(Protocol):
    """All boards; in `docket` it looks up what has been judged and saved."""

    docket: Docket

    @property
    def inventory(self) -> Inventory: ...

    @property
    def boards(self) -> Mapping[str, Suspect]: ...
