"""A lab in virtual time: its world, the lives of its daemon, and their end.

The world goes on whatever becomes of the daemon. After each step the rules are looked
at; the first that is broken ends the run.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, cast

from twisted.logger import globalLogPublisher

from lifeguard.simulator.virtual.ailments import Ailments
from lifeguard.simulator.virtual.board import VirtualBoard
from lifeguard.simulator.virtual.disk import VirtualDisk
from lifeguard.simulator.virtual.heap import HeapClock
from lifeguard.simulator.virtual.life import InjectedFault, Life, Surroundings
from lifeguard.simulator.virtual.people import Operator, Person
from lifeguard.simulator.virtual.plan import DAY, HOUR, inventory
from lifeguard.simulator.virtual.polls import LeapingPoller
from lifeguard.simulator.virtual.relays import Rack
from lifeguard.simulator.virtual.rules import Rules
from lifeguard.simulator.virtual.tally import Tally
from lifeguard.simulator.virtual.uplink import Uplink
from lifeguard.simulator.virtual.uptime import Uptime
from lifeguard.simulator.virtual.verdict import RuleBroken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.logger import ILogObserver, LogEvent

    from lifeguard.model import Outlet
    from lifeguard.simulator.virtual.observer import Operation
    from lifeguard.simulator.virtual.plan import Plan

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

LEAP_FROM = 100.0
"""From so many days of boards on, polls that tell nothing are jumped over."""

START_SECONDS = 1.0
STORE_RETRY_SECONDS = 10.0
"""A daemon that found no store is started again after this."""

_STORIES = 20
"""Of the troubles of a lab, so many are told with a broken rule."""


class Lab:
    """A plan that is being lived through."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.clock = HeapClock()
        self.steps = 0
        self.life: Life | None = None
        self.network_down = False
        self.reached: Callable[[Operation, str], bool] = lambda operation, board: False
        """Asked at each operation whether the daemon dies there."""
        troubles, self.random = plan.troubles, self._dice("lab")
        self.inventory = inventory(plan)
        self.disk = VirtualDisk(self.clock, self._dice("disk"), troubles.lost_answers)
        self.racks = {
            name: Rack(name, troubles, self._dice(name), self._moved)
            for name in self.inventory.relay_boards
        }
        uptime = Uptime(self.clock)
        self.ailments = Ailments(self.inventory.boards, uptime.now)
        self.rules = Rules(
            self.inventory,
            self.disk.durable,
            self.racks,
            self.clock,
            self.ailments,
            uptime,
        )
        [hardware] = self.inventory.hardware.values()
        self.tally = Tally(hardware.lifecycle, self.inventory.boards, self.clock)
        self.uplink = Uplink(
            self.clock,
            self.inventory,
            troubles,
            self._dice("uplink"),
            self.rules.answers,
            self.ailments,
            self._reachable_daemon,
        )
        self.boards = {
            name: VirtualBoard(
                name,
                self.uplink,
                self.clock,
                troubles,
                self._dice(name),
                self.ailments,
                partial(self._answering_changed, name),
            )
            for name in self.inventory.boards
        }
        self._by_address = {
            board.address: self.boards[name]
            for name, board in self.inventory.boards.items()
        }
        self._wall_offset = 0.0
        self._stories: deque[str] = deque(maxlen=_STORIES)

    # Living.

    def live(self) -> Iterator[float]:
        """Go through all of it, a tenth of a day at a time; yields the time.

        Raises RuleBroken.
        """
        log_observer = cast("ILogObserver", self._hear_log)
        globalLogPublisher.addObserver(log_observer)
        try:
            self.switch_on()
            self.populate()
            end, time = self.plan.days * DAY, 0.0
            while time < end:
                time = min(end, time + DAY / 10)
                self.run_until(time)
                yield time
        finally:
            globalLogPublisher.removeObserver(log_observer)

    def switch_on(self) -> None:
        """The boards have power, and a daemon starts."""
        for board in self.boards.values():
            board.power_on()
        self._start()

    def populate(self) -> None:
        """Every board has somebody who uses it."""
        for name, board in self.boards.items():
            person = Person(
                board,
                self.uplink,
                self.disk.durable,
                self.clock,
                self._dice(f"{name}'s user"),
                self.plan.troubles.requests,
            )
            person.begin()
        operator = Operator(
            self.uplink,
            self.disk.durable,
            self.ailments,
            self.clock,
            self._dice("operator"),
        )
        operator.begin()

    def run_until(self, time: float) -> None:
        """Make all steps that are due by then, and look at the rules after each."""
        clock, breaches = self.clock, self.rules.verdicts.breaches
        while clock.step(time):
            self.steps += 1
            life = self.life
            if life is not None and life.observer.touched:
                life.check()
            if breaches:
                self._raise()

    def _raise(self) -> None:
        breach = self.rules.verdicts.breaches[0]
        rows = list(self.disk.durable.history(breach.board))
        seconds = self.clock.seconds()
        raise RuleBroken(self.plan, seconds, breach, rows, tuple(self._stories))

    # The daemon's lives.

    def _start(self) -> None:
        if self.disk.away:
            self.clock.callLater(STORE_RETRY_SECONDS, self._start)
            return
        self.life = Life(self._surroundings())
        self.life.start()

    def kill(self, why: str) -> None:
        """kill -9; a new daemon starts some time later."""
        if (life := self.life) is not None:
            self.tell("kill", why)
            life.kill()
            self._gone()

    def stop(self) -> None:
        """SIGTERM; a new daemon starts some time later."""
        life = self.life
        if life is None or not life.serving:
            return
        self.tell("stop", "SIGTERM")
        self.rules.answers.stopping()
        self.rules.outlets.stopping()
        self.uplink.hang_up()

        def stopped(_: None) -> None:
            self.rules.outlets.stopped()
            life.kill()
            self._gone()

        life.stop().addCallback(stopped)

    def _gone(self) -> None:
        self.life = None
        self.rules.ended()
        self.uplink.hang_up()
        down = self.random.expovariate(1 / self.random.choice((2.0, 60.0, HOUR)))
        self.clock.callLater(START_SECONDS + down, self._start)

    def _reach(self, operation: Operation, board: str) -> None:
        if self.reached(operation, board):
            self.kill(f"after: {operation}, {board}")

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            clock=self.clock,
            wall=self._wall,
            inventory=self.inventory,
            disk=self.disk,
            racks=self.racks,
            answering=self._answering,
            leap=self.plan.boards * self.plan.days > LEAP_FROM,
            random=self.random,
            unorderable=self.plan.troubles.unorderable,
            rules=self.rules,
            tally=self.tally,
            reach=self._reach,
        )

    # The world around it.

    def tell(self, trouble: str, text: str) -> None:
        """Something has happened to the lab."""
        self.tally.troubles[trouble] += 1
        self._stories.append(f"{self._wall():%m-%d %H:%M:%S.%f} {trouble}: {text}")

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall_offset += seconds

    def answering_changed(self) -> None:
        """What polls meet has changed for all boards."""
        for name in self.boards:
            self._answering_changed(name)

    def _answering_changed(self, board: str) -> None:
        if self.life is not None and isinstance(self.life.poller, LeapingPoller):
            self.life.poller.changed(board)

    def _answering(self, address: str) -> bool:
        return not self.network_down and self._by_address[address].answers

    def _reachable_daemon(self) -> Life | None:
        life = self.life
        return (
            life
            if life is not None and life.serving and not self.network_down
            else None
        )

    def _moved(self, outlet: Outlet, on: bool) -> None:
        self.rules.outlets.moved(outlet, on)
        name = self.rules.outlets.board_of(outlet)
        off = any(
            each in self.racks[each.relay_board].off
            for each in self.inventory.boards[name].power
        )
        if off:
            self.boards[name].power_off()
        else:
            self.boards[name].power_on()

    def _wall(self) -> datetime:
        return EPOCH + timedelta(seconds=self.clock.seconds() + self._wall_offset)

    def _hear_log(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None and not failure.check(InjectedFault):
            self.rules.verdicts.broken(7, "", f"logged: {failure.getTraceback()}")

    def _dice(self, whose: str) -> Random:
        return Random(f"{self.plan.seed}/{whose}")
