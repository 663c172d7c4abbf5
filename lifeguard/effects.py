"""What a board's present state has under way: its timer, its polls, its power cycle.

All of it is bound to the state that began it. A power cycle is not stopped here: once
its turn comes it asks whether anybody still wants it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lifeguard.event import Event
from lifeguard.lifecycle.state import CYCLE_FAILED, POLL_FAILED, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from lifeguard.draft import Effect
    from lifeguard.model import Board, Standing
    from lifeguard.world import Watch, World

log = Logger()


class Effects:
    """The effects of one board; what they meet is told as an event."""

    def __init__(
        self, board: Board, world: World, tell: Callable[[Event], None]
    ) -> None:
        self._board, self._world, self._tell = board, world, tell
        self._timer: IDelayedCall | None = None
        self._watch: Watch | None = None

    def begin(self, standing: Standing, effects: tuple[Effect, ...]) -> None:
        """In order; one that fails stops those after it."""
        actions = {"cycle_power": self.cycle_power, "poll": self.poll}
        try:
            for effect in effects:
                actions[effect](standing)
        except Exception:
            log.failure("{board}: an effect failed", board=self._board.name)

    def leave(self) -> None:
        """What a state started, leaving it stops."""
        self.disarm()
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def arm(self, standing: Standing, at_least: float = 0.0) -> None:
        """Let the state's timeout come at its deadline, in `at_least` seconds."""
        self.disarm()
        if standing.deadline is None:
            return
        left = standing.deadline - self._world.service_time.now()
        event = Event(name=TIMEOUT, source="timer")
        # A later deadline is a new call: to reset one to a sooner time is slow.
        timeout = partial(self._tell, event)
        self._timer = self._world.clock.callLater(
            max(at_least, left), self._world.turns.wait, timeout
        )

    def watch_again(self, standing: Standing) -> None:
        """Begin the polls that could not be begun, at the state's own pace."""
        if self._watch is None:
            self.begin(standing, ("poll",))

    def poll(self, standing: Standing) -> None:
        """Ask the board whether it is well, until the state is left."""
        checks = self._world.checks(self._board, standing)
        if self._board.address is None or not checks:
            return

        def failed(reason: str) -> None:
            self._tell(
                Event(
                    name=POLL_FAILED, source="poll", stay=standing.stay, reason=reason
                )
            )

        self._watch = self._world.poller.watch(
            self._board.name, self._board.address, checks, failed
        )

    def cycle_power(self, standing: Standing) -> None:
        """Order a power cycle; one that cannot be ordered is one that failed."""
        order = self._board.name, standing.generation, self._board.power
        try:
            self._world.power.cycle(*order)
        except Exception as error:
            event = Event(
                name=CYCLE_FAILED,
                source="power",
                generation=standing.generation,
                reason=f"it could not be ordered: {error}",
            )
            self._tell(event)
            raise

    def disarm(self) -> None:
        """No timeout comes until `arm` is called again."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
