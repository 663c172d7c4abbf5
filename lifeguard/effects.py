"""What a board's present state has under way: its timer, its polls, its power cycle.

All of it is bound to the state that began it. A power cycle is not stopped here: once
its turn comes it asks whether anybody still wants it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from lifeguard.event import Event
from lifeguard.lifecycle.state import CYCLE_FAILED, POLL_FAILED, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.draft import Effect
    from lifeguard.model import Board, Standing
    from lifeguard.world import Watch, World

log = Logger()

_TIMED_OUT = Event(name=TIMEOUT, source="timer")


class Effects:
    """The effects of one board; what they meet is told as an event."""

    __slots__ = ("_board", "_polled_stay", "_tell", "_watch", "_world")

    def __init__(
        self, board: Board, world: World, tell: Callable[[Event], None]
    ) -> None:
        self._board, self._world, self._tell = board, world, tell
        self._watch: Watch | None = None
        self._polled_stay = 0

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
        if standing.deadline is None:
            return self.disarm()
        left = standing.deadline - self._world.service_time.now()
        self._world.deadlines.put(self._time_out, max(at_least, left))

    def watch_again(self, standing: Standing) -> None:
        """Begin the polls that could not be begun, at the state's own pace."""
        if self._watch is None:
            self.begin(standing, ("poll",))

    def poll(self, standing: Standing) -> None:
        """Ask the board whether it is well, until the state is left."""
        checks = self._world.checks(self._board, standing)
        if self._board.address is None or not checks:
            return
        self._polled_stay = standing.stay
        self._watch = self._world.poller.watch(
            self._board.name, self._board.address, checks, self._poll_failed
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
        self._world.deadlines.remove(self._time_out)

    def _time_out(self) -> None:
        self._tell(_TIMED_OUT)

    def _poll_failed(self, reason: str) -> None:
        event = Event(
            name=POLL_FAILED, source="poll", stay=self._polled_stay, reason=reason
        )
        self._tell(event)
