"""The relay boards of the inventory: for each a queue, and the device it is for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from lifeguard.config.drivers import find_driver
from lifeguard.power.queue import RelayBoardQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Device, Driver, Surroundings


class RelayBoards:
    """Makes queues, and changes them; `heard` is told whenever one's state changes."""

    def __init__(
        self,
        relay_boards: Iterable[RelayBoard],
        surroundings: Surroundings,
        heard: Callable[[str, RelayBoardQueue], None],
    ) -> None:
        self._surroundings, self._heard = surroundings, heard
        self.queues: dict[str, RelayBoardQueue] = {}
        for relay_board in relay_boards:
            self.take(relay_board)

    def take(self, relay_board: RelayBoard) -> RelayBoardQueue:
        """The queue of a relay board that is new, or another than it was."""
        name, device = relay_board.name, self._device(relay_board)
        if name in self.queues:
            self.queues[name].become(relay_board, device)
            return self.queues[name]
        queue = RelayBoardQueue(self._surroundings.reactor, relay_board, device)
        queue.hear(partial(self._heard, name, queue))
        self.queues[name] = queue
        return queue

    def forget(self, name: str) -> None:
        """Its queue is closed."""
        del self.queues[name]

    def _device(self, relay_board: RelayBoard) -> Device:
        driver = cast("Driver", find_driver(relay_board.driver))
        return driver.device(relay_board, self._surroundings)
