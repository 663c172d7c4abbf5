"""One life of the daemon: the production parts put together over simulated seams.

It is dropped whole, at any step, by letting its clock die: no call of it ever comes,
and what it has left in the midst of a step meets seams that do nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred

from lifeguard.blame.docket import Docket
from lifeguard.blame.inquiry import Inquiry
from lifeguard.clock import ServiceTime
from lifeguard.fleet import Fleet
from lifeguard.health.poller import Poller
from lifeguard.notify import Notifier
from lifeguard.power import Power
from lifeguard.reports import LEFT, Reports
from lifeguard.simulator.virtual.excuses import SETTINGS
from lifeguard.simulator.virtual.heap import LifeClock
from lifeguard.simulator.virtual.observer import LifeObserver
from lifeguard.simulator.virtual.polls import FIGURES, LeapingPoller, VirtualProbes
from lifeguard.simulator.virtual.presence import PresenceRules
from lifeguard.simulator.virtual.relays import VirtualSwitches
from lifeguard.simulator.virtual.store import VirtualStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from lifeguard.clock import WallClock
    from lifeguard.model import Change, Inventory, Outlet, Owed
    from lifeguard.power.condition import Since
    from lifeguard.simulator.virtual.disk import VirtualDisk
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.observer import Operation
    from lifeguard.simulator.virtual.relays import Rack
    from lifeguard.simulator.virtual.rules import Rules
    from lifeguard.simulator.virtual.tally import Tally


class InjectedFault(Exception):
    """A fault of the simulation's making, which the daemon must live with."""


class Surroundings(NamedTuple):
    """What a daemon finds and leaves behind."""

    clock: HeapClock
    wall: WallClock
    inventory: Inventory
    disk: VirtualDisk
    racks: Mapping[str, Rack]
    answering: Callable[[str], bool]
    """Whether the board at an address answers a poll now."""
    leap: bool
    """Whether polls that tell nothing are jumped over."""
    random: Random
    unorderable: float
    rules: Rules
    tally: Tally
    reach: Callable[[Operation, str], None]


class Life:
    """A daemon, until it is killed or has stopped."""

    def __init__(self, around: Surroundings) -> None:
        self.clock = clock = LifeClock(around.clock)
        self.around = around
        self.observer = LifeObserver(clock, around.rules, around.tally, around.reach)
        self.serving = False
        """Whether boards and people reach it."""
        self.service_time = ServiceTime(clock)
        self.store = VirtualStore(
            around.disk, clock, self.service_time.stamp, self.observer
        )
        self.store.tell(self.observer)
        self.poller = self._poller()
        rules = around.rules
        self.presence = PresenceRules(
            around.disk.durable,
            self.poller,
            rules.taking_up,
            rules.uptime,
            rules.watchdog,
            rules.verdicts,
        )
        self.fleet = Fleet(
            around.inventory,
            self.store,
            self.presence,
            clock,
            self.service_time,
            around.wall,
            docket=Docket(SETTINGS.patience),
        )
        switches = {
            name: VirtualSwitches(rack, clock, self.observer)
            for name, rack in around.racks.items()
        }
        self.power = FaultyPower(
            Power(clock, switches, _Reports(self.fleet, self)), around
        )
        for name, queue in switches.items():
            queue.hear(partial(self._relay_board_changed, name, queue))
        self._notifier = Notifier(self.store, clock)
        self.inquiry = Inquiry(
            self.fleet,
            self.store,
            SETTINGS,
            clock,
            self.service_time,
            around.wall,
            self._notifier.tell,
        )

    @property
    def alive(self) -> bool:
        return self.clock.alive

    def _poller(self) -> Poller | LeapingPoller:
        around = self.around
        if around.leap:
            return LeapingPoller(self.clock, FIGURES, around.answering)
        probes = VirtualProbes(self.clock, around.answering, self.observer.poll_begins)
        return Poller(self.clock, FIGURES, probes)

    def start(self) -> None:
        """Take up what was saved, as the production daemon does."""
        saved = self.around.disk.durable.load()
        self.service_time.start(saved.service_seconds)
        self.fleet.load(saved, self.power)
        self.inquiry.load(saved)
        self.fleet.subscribe(self.inquiry.changed)
        self.around.rules.began(self.service_time, self.fleet)
        self.fleet.startService()
        self.fleet.subscribe(self._notifier.changed)
        self.fleet.subscribe(self._fail_at_times)
        self.store.tell(self._notifier)
        self.store.tell(self.power.service)
        self.store.tell(self.inquiry)
        self._notifier.tell()
        self.fleet.resume(saved, self.power)
        self.inquiry.begin(saved)
        self.serving = self.alive
        if self.serving:
            self.presence.check_all(self.fleet.boards)

    def check(self) -> None:
        """Look at the boards that this step has touched."""
        touched, self.observer.touched = self.observer.touched, []
        if self.serving:
            for board in dict.fromkeys(touched):
                self.presence.check(self.fleet.boards[board])

    def kill(self) -> None:
        """kill -9."""
        self.clock.die()
        self.serving = False
        self.presence.end()

    def stop(self) -> Deferred[None]:
        """SIGTERM; fires when the daemon has ended by itself."""
        self.serving = False
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self.power.service.stopService()
        self.presence.end()
        self.fleet.stopService()
        self.inquiry.stop()
        self._notifier.stop()
        self.poller.stopService()
        await self.store.close()

    def _relay_board_changed(self, name: str, queue: VirtualSwitches) -> None:
        self.inquiry.relay_board_is(name, queue.since.state, queue.since.why)

    def _fail_at_times(self, change: Change) -> None:
        if self.around.random.random() < self.around.unorderable:
            raise InjectedFault("a listener")


class FaultyPower:
    """Power, of which an order may raise."""

    def __init__(self, service: Power, around: Surroundings) -> None:
        self.service = service
        self._around = around

    def cycle(self, board: str, generation: int, outlets: tuple[Outlet, ...]) -> None:
        if self._around.random.random() < self._around.unorderable:
            self._around.rules.outlets.ended(board, generation, "not ordered")
            raise InjectedFault("a power cycle could not be ordered")
        self.service.cycle(board, generation, outlets)

    def switch_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...], urgent: bool
    ) -> None:
        self.service.switch_off(board, generation, outlets, urgent)

    def keep_off(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None:
        self.service.keep_off(board, generation, outlets)

    def switch_on(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> None:
        self.service.switch_on(board, generation, outlets)

    def let_go(
        self, board: str, generation: int, outlets: tuple[Outlet, ...]
    ) -> Deferred[None]:
        return self.service.let_go(board, generation, outlets)

    def is_switching(self, board: str) -> bool:
        return self.service.is_switching(board)

    def owe(self, owed: tuple[Owed, ...]) -> None:
        self.service.owe(owed)


class _Reports:
    """What power tells the fleet, and the rules with it."""

    def __init__(self, fleet: Fleet, life: Life) -> None:
        self._fleet, self._life = fleet, life

    def about(self, board: str) -> _BoardReports:
        return _BoardReports(self._fleet, board, self._life)

    def relay_board_changed(self, relay_board: str, since: Since) -> None:
        self._fleet.relay_board_changed(relay_board, since)

    def outlet_is_on(self, owed: Owed) -> Deferred[None]:
        return self._fleet.outlet_is_on(owed)


class _BoardReports(Reports):
    """What power tells a board, and the rules with it."""

    def __init__(self, fleet: Fleet, name: str, life: Life) -> None:
        super().__init__(fleet.boards.get(name, LEFT))
        self._name, self._life = name, life

    def cycle_ended(self, generation: int, failure: str | None) -> None:
        self._ended(generation, failure)
        super().cycle_ended(generation, failure)

    def switched_off(self, generation: int) -> None:
        self._ended(generation, None)
        super().switched_off(generation)

    def _ended(self, generation: int, failure: str | None) -> None:
        if self._life.alive:
            self._life.around.rules.outlets.ended(self._name, generation, failure)
