"""The relay boards of the inventory: for each a queue, and the device it is for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from twisted.logger import Logger

from lifeguard.config.drivers import find_driver
from lifeguard.power.queue import RelayBoardQueue
from lifeguard.power.step import STEP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Device, Driver, Surroundings

log = Logger()


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
            self.take(relay_board, self.device(relay_board))

    def device(self, relay_board: RelayBoard) -> Device:
        """The device of a relay board as it is to be; its driver may raise anything."""
        driver = cast("Driver", find_driver(relay_board.driver))
        return driver.device(relay_board, self._surroundings)

    def take(self, relay_board: RelayBoard, device: Device) -> RelayBoardQueue:
        """The queue of a relay board that is new, or another than it was."""
        name = relay_board.name
        if name in self.queues:
            self.queues[name].become(relay_board, device)
            return self.queues[name]
        queue = RelayBoardQueue(self._surroundings.reactor, relay_board, device)
        queue.hear(partial(self._heard, name, queue))
        self.queues[name] = queue
        return queue

    def close(self, name: str) -> None:
        """Nobody needs it any more; one that is added in its place is another."""
        closing = self.queues.pop(name).close()
        closing.addTimeout(STEP_SECONDS, self._surroundings.reactor)
        closing.addErrback(
            lambda failure: log.warn(
                "{relay_board}: not closed properly: {error}",
                relay_board=name,
                error=failure.getErrorMessage(),
            )
        )
