"""What relay boards become is saved, and nobody waits for that.

Of what one becomes while the store is away, the last is saved when that is back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lifeguard.model import RelayBoardChange
from lifeguard.store import StoreError

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from lifeguard.clock import WallClock
    from lifeguard.power.condition import Since


class Store(Protocol):
    """The part of the store that keeps what relay boards have become."""

    def relay_board_changed(self, change: RelayBoardChange) -> Deferred[None]: ...


class RelayBoardHistory:
    """The history of all relay boards, as it is written."""

    def __init__(self, store: Store, wall: WallClock) -> None:
        self._store, self._wall = store, wall
        self._unsaved: dict[str, RelayBoardChange] = {}
        """By the names of the relay boards."""

    def changed(self, relay_board: str, since: Since) -> None:
        """A relay board is in another state."""
        change = RelayBoardChange(
            at=self._wall(),
            relay_board=relay_board,
            state=since.state,
            why=since.why,
        )
        self._save(change)

    def store_is_back(self) -> None:
        """What could not be saved, can be by now."""
        for change in tuple(self._unsaved.values()):
            self._save(change)

    def _save(self, change: RelayBoardChange) -> None:
        self._unsaved.pop(change.relay_board, None)
        saving = self._store.relay_board_changed(change)
        saving.addErrback(self._save_later, change)

    def _save_later(self, failure: Failure, change: RelayBoardChange) -> None:
        failure.trap(StoreError)
        self._unsaved[change.relay_board] = change
