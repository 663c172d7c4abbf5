"""The relay boards that power goes through; one goes when nobody needs it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredList, fail

from lifeguard.power.errors import UnknownRelayBoard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lifeguard.model import Outlet
    from lifeguard.power.seams import RelayBoardStatus, Switches


class PresentRelayBoards:
    """The queues by the names of their relay boards, `changed` hearing from each.

    `needing` are the ends of all that needs one.
    """

    def __init__(
        self,
        queues: Mapping[str, Switches],
        changed: Callable[[str], None],
        needing: Callable[[str], list[Deferred[None]]],
    ) -> None:
        self.queues: dict[str, Switches] = {}
        """Also of those that only finish what has begun."""
        self._changed, self._needing = changed, needing
        self._leaving: set[str] = set()
        for name, queue in queues.items():
            self.add(name, queue)

    def add(self, name: str, queue: Switches) -> bool:
        """False: it was there already, perhaps about to leave, which it does not."""
        self._leaving.discard(name)
        if self.queues.get(name) is queue:
            return False
        self.queues[name] = queue
        queue.hear(partial(self._changed, name))
        return True

    async def remove(self, name: str) -> bool:
        """True when nothing needs it, and it is here no more; False: it stays."""
        self._leaving.add(name)
        while name in self._leaving and (needing := self._needing(name)):
            await DeferredList(needing)
        if name not in self._leaving:
            return False
        self._leaving.remove(name)
        del self.queues[name]
        return True

    def refusal(self, outlets: tuple[Outlet, ...]) -> str | None:
        """Why an order on these outlets cannot be carried out; None: it can."""
        for outlet in outlets:
            if outlet.relay_board not in self.queues:
                return f"{outlet}: {UnknownRelayBoard(outlet.relay_board)}"
        return None if outlets else "no power outlet"

    def test(self, name: str) -> Deferred[None]:
        """Fires when one has passed a link test; fails with a RelayError."""
        if (queue := self.queues.get(name)) is None:
            return fail(UnknownRelayBoard(name))
        return queue.test()

    def keep_all(self) -> None:
        """None leaves any more: whoever stops lifeguard closes them all."""
        self._leaving.clear()

    def status(self) -> list[RelayBoardStatus]:
        """How every relay board is doing that is to stay."""
        staying = [name for name in self.queues if name not in self._leaving]
        return [self.queues[name].status() for name in staying]
