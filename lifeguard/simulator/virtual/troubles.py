"""What befalls a lab, at the rates of its plan: kills, stops, outages, clock jumps."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from lifeguard.model import Cause
from lifeguard.simulator.virtual.ailments import NETWORK
from lifeguard.simulator.virtual.plan import DAY, HOUR, IMAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.simulator.virtual.lab import Lab
    from lifeguard.simulator.virtual.observer import Operation
    from lifeguard.simulator.virtual.relays import Rack

MOST_OPERATIONS = 40
"""It strikes after at most so many more operations of the daemon."""


class Fate:
    """Lets things go wrong in a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._until_kill = self._until_stop = 0
        """Operations of the daemon that are left; 0: it need not fear."""
        lab.reached = self._strikes

    def begin(self) -> None:
        """From now on."""
        troubles = self._lab.plan.troubles
        self._at_times(troubles.kills, "kills", self._kill_soon)
        self._at_times(troubles.stops, "stops", self._stop_soon)
        self._at_times(troubles.store_outages, "store", self._take_store)
        self._at_times(troubles.network_outages, "network", self._take_network)
        self._at_times(troubles.clock_jumps, "clock", self._jump)
        for name, rack in self._lab.racks.items():
            take = partial(self._take_rack, rack)
            self._at_times(troubles.relay_outages, name, take)
            ill = Cause("relay-board", name)
            brown_out = partial(self._ail, ill, "brownout", HOUR)
            self._at_times(troubles.brownouts, f"power of {name}", brown_out)
        for name in IMAGES:
            spoil = partial(self._ail, Cause("image", name), "bad image", 12 * HOUR)
            self._at_times(troubles.bad_images, f"image {name}", spoil)

    def _at_times(
        self, rate: float, what: str, happen: Callable[[Random], object]
    ) -> None:
        if not rate:
            return
        clock, dice = self._lab.clock, Random(f"{self._lab.plan.seed}/{what}")

        def happens() -> None:
            happen(dice)
            clock.callLater(dice.expovariate(rate / DAY), happens)

        clock.callLater(dice.expovariate(rate / DAY), happens)

    # A kill -9 or a SIGTERM, just after some operation.

    def _kill_soon(self, dice: Random) -> None:
        self._until_kill = dice.randint(1, MOST_OPERATIONS)

    def _stop_soon(self, dice: Random) -> None:
        self._until_stop = dice.randint(1, MOST_OPERATIONS)

    def _strikes(self, operation: Operation, board: str) -> bool:
        if self._until_stop:
            self._until_stop -= 1
            if not self._until_stop:
                self._lab.clock.callLater(0, self._lab.stop)
        if not self._until_kill:
            return False
        self._until_kill -= 1
        return not self._until_kill

    # Outages.

    def _take_store(self, dice: Random) -> None:
        lab = self._lab
        if lab.disk.away:
            return
        seconds = dice.expovariate(1 / dice.choice((1.0, 60.0, 1800.0)))
        if dice.random() < 0.5:
            lab.tell("store outage", f"{seconds:.1f} s")
            lab.disk.refuse()
        else:
            lab.tell("silent store", f"{seconds:.1f} s")
            lab.disk.fall_silent(seconds)
        lab.rules.outages.store_left()

        def give_back() -> None:
            lab.disk.come_back()
            lab.rules.outages.store_came_back()

        lab.clock.callLater(seconds, give_back)

    def _take_network(self, dice: Random) -> None:
        lab = self._lab
        if lab.network_down:
            return
        seconds = dice.expovariate(1 / 600.0)
        lab.tell("network outage", f"{seconds:.1f} s")
        lab.network_down = True
        lab.ailments.begin(NETWORK)
        lab.rules.network_left()
        lab.answering_changed()

        def give_back() -> None:
            lab.network_down = False
            lab.ailments.end(NETWORK)
            lab.rules.network_came_back()
            lab.answering_changed()

        lab.clock.callLater(seconds, give_back)

    def _take_rack(self, rack: Rack, dice: Random) -> None:
        lab = self._lab
        if not rack.reachable:
            return
        seconds = dice.expovariate(1 / dice.choice((30.0, HOUR)))
        lab.tell("relay board outage", f"{rack.name}, {seconds:.1f} s")
        rack.reachable = False

        def give_back() -> None:
            rack.reachable = True
            lab.rules.outlets.troubled(rack.name)

        lab.clock.callLater(seconds, give_back)

    # What boards fail by together.

    def _ail(self, cause: Cause, trouble: str, mean: float, dice: Random) -> None:
        lab = self._lab
        if lab.ailments.lasts(cause):
            return
        seconds = dice.expovariate(1 / mean)
        lab.tell(trouble, f"{cause}, {seconds:.1f} s")
        lab.ailments.begin(cause)
        for board in lab.ailments.fed_by(cause):
            lab.boards[board].reset()
        lab.clock.callLater(seconds, lab.ailments.end, cause)

    def _jump(self, dice: Random) -> None:
        seconds = dice.choice((-HOUR, HOUR))
        self._lab.tell("clock jump", f"{seconds:+g} s")
        self._lab.jump(seconds)
