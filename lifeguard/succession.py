"""The boards of one inventory in place of those of another.

What a board does about it is its own; here is only which are concerned. Those that are
not different are not even looked at, if that can be: there may be ten thousand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Set

    from lifeguard.board import ManagedBoard
    from lifeguard.inventory.difference import Difference
    from lifeguard.model import Board, Inventory, Standing

log = Logger()


class Lab(Protocol):
    """The boards that there are, and the rows of those that have left."""

    boards: dict[str, ManagedBoard]
    removed: dict[str, Standing]

    def stand(self, board: Board, standing: Standing | None) -> ManagedBoard: ...


class Succession:
    """Has the boards of `lab` go from `old` to `new`, of which that is `different`."""

    def __init__(
        self, lab: Lab, old: Inventory, new: Inventory, different: Difference
    ) -> None:
        self._lab, self._old, self._new = lab, old, new
        self._different = different

    def let_go(self, left: Callable[[str], None]) -> list[Deferred[None]]:
        """Those that have no place in it; each fires when `left` has heard of it."""
        return [
            Deferred.fromCoroutine(self._let_go(name, left))
            for name in self._different.of("boards", "removed")
        ]

    def change(self) -> list[Deferred[None]]:
        """Those of both that are not at once what the new one says; each fires then."""
        images = set(self._checked_otherwise())
        changing = [self._change(name, images) for name in self._concerned()]
        # To gather ten thousand that have fired costs a third of the whole change.
        return [each for each in changing if not each.called]

    def take_in(self, known: Mapping[str, Standing]) -> list[ManagedBoard]:
        """Those that are new in it, of which `known` are the rows."""
        added = self._different.of("boards", "added")
        for name in added:
            self._lab.removed.pop(name, None)
        return [
            self._lab.stand(self._new.boards[name], known.get(name)) for name in added
        ]

    async def _let_go(self, name: str, left: Callable[[str], None]) -> None:
        standing = await self._lab.boards[name].let_go()
        left(name)
        del self._lab.boards[name]
        if standing.version:
            self._lab.removed[name] = standing
        log.info("{board}: not in the inventory any more; let go", board=name)

    def _change(self, name: str, images: Set[str]) -> Deferred[None]:
        managed, board = self._lab.boards[name], self._new.boards[name]
        hardware = self._new.hardware[board.hardware]
        if not managed.is_meant_to_be(board, hardware):
            return managed.become(board, hardware)
        if managed.standing.image in images:
            managed.poll_anew()
        return succeed(None)

    def _concerned(self) -> Iterable[str]:
        """The boards of both that may find something changed."""
        of = self._different.of
        if not (of("hardware", "changed") or of("images", "changed")):
            return of("boards", "changed")
        return [name for name in self._new.boards if name in self._old.boards]

    def _checked_otherwise(self) -> Iterator[str]:
        """The images of which another proof is asked that their boards are well."""
        for name, image in self._old.images.items():
            if (
                name in self._new.images
                and self._new.images[name].health != image.health
            ):
                yield name
