"""What a board's present state has under way: its timers, its polls, its power.

All of it is bound to the state that began it. A power cycle is not stopped here: once
its turn comes it asks whether anybody still wants it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lifeguard.event import Event
from lifeguard.lifecycle.state import CYCLE_FAILED, POLL_FAILED, POWER_OFF, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.draft import Effect
    from lifeguard.model import Board, Outlet, Standing
    from lifeguard.world import Watch, World

    Order = Callable[[str, int, tuple[Outlet, ...]], None]

log = Logger()

_TIMED_OUT = Event(name=TIMEOUT, source="timer")

SWITCHING_SECONDS = 1.0
"""How often it is looked whether relay boards have come to an end with a board."""

POLICY = "policy"
"""The source of what nobody but the inventory has asked for."""


class Effects:
    """The effects of one board; what they meet is told as an event."""

    __slots__ = ("_idle_stay", "_polled_stay", "_tell", "_watch", "_world", "board")

    def __init__(
        self, board: Board, world: World, tell: Callable[[Event], None]
    ) -> None:
        self.board, self._world, self._tell = board, world, tell
        self._idle_stay = 0
        self._watch: Watch | None = None
        self._polled_stay = 0

    def begin(self, standing: Standing, effects: tuple[Effect, ...]) -> None:
        """In order; one that fails stops those after it."""
        actions = {
            "cycle_power": self.cycle_power,
            "power_off": self.power_off,
            "power_off_now": self.power_off_now,
            "keep_off": self.keep_off,
            "switch_on": self.switch_on,
            "poll": self.poll,
        }
        try:
            for effect in effects:
                actions[effect](standing)
        except Exception:
            log.failure("{board}: an effect failed", board=self.board.name)

    def leave(self) -> None:
        """What a state started, leaving it stops."""
        self.disarm()
        self._stop_polling()

    def _stop_polling(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def arm(self, standing: Standing, at_least: float = 0.0) -> None:
        """Let the state's timeout come at its deadline, in `at_least` seconds."""
        if standing.deadline is None:
            return self.disarm()
        left = standing.deadline - self._world.service_time.now()
        self._world.deadlines.put(self._time_out, max(at_least, left))

    def arm_idle(self, standing: Standing, at_least: float = 0.0) -> None:
        """Ask for the board to be switched off when nobody has wanted it for long.

        That counts from when the state was entered, in service seconds: so nothing
        need be saved for it, and it is not begun anew by a start.
        """
        if self.board.idle_off is None:
            return
        left = standing.entered + self.board.idle_off - self._world.service_time.now()
        self._idle_stay = standing.stay
        self._world.deadlines.put(self._is_idle, max(at_least, left))

    def watch_again(self, standing: Standing) -> None:
        """Begin the polls that could not be begun, at the state's own pace."""
        if self._watch is None:
            self.begin(standing, ("poll",))

    def poll_anew(self, standing: Standing) -> None:
        """Ask something else of it, or elsewhere, in place of what was asked."""
        self._stop_polling()
        self.begin(standing, ("poll",))

    def poll(self, standing: Standing) -> None:
        """Ask the board whether it is well, until the state is left."""
        checks = self._world.checks(self.board, standing)
        if self.board.address is None or not checks:
            return
        self._polled_stay = standing.stay
        self._watch = self._world.poller.watch(
            self.board.name, self.board.address, checks, self._poll_failed
        )

    def cycle_power(self, standing: Standing) -> None:
        """Order a power cycle; one that cannot be ordered is one that failed."""
        try:
            self._order(self._world.power.cycle, standing)
        except Exception:
            # The board may be off, and nobody else knows what the change has owed it.
            self.switch_on(standing)
            raise

    def power_off(self, standing: Standing) -> None:
        """Have the board switched off; if that cannot be ordered, it has failed."""
        self._order(partial(self._world.power.switch_off, urgent=False), standing)

    def power_off_now(self, standing: Standing) -> None:
        """The same before all that others wait for: a person wants it."""
        self._order(partial(self._world.power.switch_off, urgent=True), standing)

    def keep_off(self, standing: Standing) -> None:
        """Have the board kept off; nothing waits for that."""
        self._world.power.keep_off(*self._named(standing))

    def switch_on(self, standing: Standing) -> None:
        """Give back to the board what it is owed; nothing waits for that."""
        self._world.power.switch_on(*self._named(standing))

    def _order(self, order: Order, standing: Standing) -> None:
        try:
            order(*self._named(standing))
        except Exception as error:
            event = Event(
                name=CYCLE_FAILED,
                source="power",
                generation=standing.generation,
                reason=f"it could not be ordered: {error}",
            )
            self._tell(event)
            raise

    def _named(self, standing: Standing) -> tuple[str, int, tuple[Outlet, ...]]:
        return self.board.name, standing.generation, self.board.power

    def disarm(self) -> None:
        """No timeout comes until `arm` is called again."""
        self._world.deadlines.remove(self._time_out)
        self._world.deadlines.remove(self._is_idle)

    def _time_out(self) -> None:
        """Not while its power is switched: that a relay board is ill, shows late."""
        if self._world.power.is_switching(self.board.name):
            self._world.deadlines.put(self._time_out, SWITCHING_SECONDS)
        else:
            self._tell(_TIMED_OUT)

    def _poll_failed(self, reason: str) -> None:
        event = Event(
            name=POLL_FAILED, source="poll", stay=self._polled_stay, reason=reason
        )
        self._tell(event)

    def _is_idle(self) -> None:
        event = Event(
            name=POWER_OFF,
            source=POLICY,
            stay=self._idle_stay,
            reason=f"nobody has wanted it for {self.board.idle_off:g} s",
        )
        self._tell(event)
