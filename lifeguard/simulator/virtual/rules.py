"""All rules of one lab together, and what they are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lifeguard.board import GRACE_SECONDS, RESUME
from lifeguard.config.settings import RESUME_RATE
from lifeguard.health.brake import AT_LEAST
from lifeguard.lifecycle.state import POLL_FAILED, Renew
from lifeguard.model import Standing
from lifeguard.simulator.virtual.answers import AnswerRules
from lifeguard.simulator.virtual.changes import is_a_persons, judge
from lifeguard.simulator.virtual.endings import EndRules
from lifeguard.simulator.virtual.excuses import ExcuseRules
from lifeguard.simulator.virtual.guilt import GuiltRules
from lifeguard.simulator.virtual.outages import BACK_SECONDS, OutageRules
from lifeguard.simulator.virtual.outlets import OutletRules
from lifeguard.simulator.virtual.polls import FIGURES
from lifeguard.simulator.virtual.taking_up import TakingUpRules
from lifeguard.simulator.virtual.uptime import Expectation, Watchdog
from lifeguard.simulator.virtual.verdict import Verdicts
from lifeguard.timekeeper import SAVE_TIME_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.clock import ServiceTime
    from lifeguard.fleet import Fleet
    from lifeguard.lifecycle import Lifecycle, State
    from lifeguard.model import Change, Incident, Inventory
    from lifeguard.simulator.virtual.ailments import Ailments
    from lifeguard.simulator.virtual.durable import Durable, Written
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.relays import Rack
    from lifeguard.simulator.virtual.uptime import Uptime
    from lifeguard.store import StoreError

BRAKED_FROM = 50
"""Boards of a lab in which the brake must work."""


class Decided(NamedTuple):
    """When a change was, in service seconds, and whether an incident excused it."""

    now: float
    excused: bool


class Rules:
    """What must hold in a lab, whatever happens."""

    def __init__(
        self,
        inventory: Inventory,
        durable: Durable,
        racks: Mapping[str, Rack],
        clock: HeapClock,
        ailments: Ailments,
        uptime: Uptime,
    ) -> None:
        self.verdicts = Verdicts()
        self.uptime = uptime
        self.watchdog = Watchdog(clock, self.uptime, self.verdicts)
        known = self.uptime, self.watchdog, self.verdicts
        self.outages = OutageRules(clock, *known)
        self.taking_up = TakingUpRules(durable, clock, *known)
        self._inventory, self._durable = inventory, durable
        [hardware] = inventory.hardware.values()
        self._lifecycle = hardware.lifecycle
        self.answers = AnswerRules(self._lifecycle, durable, self.uptime, self.verdicts)
        self.outlets = OutletRules(
            self._lifecycle,
            inventory.boards,
            durable,
            racks,
            clock,
            *known,
        )
        self.excuses = ExcuseRules(self._lifecycle, durable, *known)
        self.guilt = GuiltRules(ailments, self.outlets, self.uptime, self.verdicts)
        self._endings = EndRules(self._lifecycle, durable, self.outlets, clock, *known)
        self._decided: dict[str, Decided] = {}
        """Of each board its last change."""
        self._cycles: dict[str, int] = dict.fromkeys(inventory.boards, 0)
        self._most_cycles = most_cycles(self._lifecycle)
        self._network_down = False
        self._told_meanwhile = 0

    def began(self, service_time: ServiceTime, fleet: Fleet) -> None:
        """A daemon has loaded what was saved."""
        self.outages.began(service_time)
        self.excuses.began(fleet.docket)
        self.outlets.began(self._durable.load())
        self.taking_up.began(fleet.boards.values())
        self._told_meanwhile = 0

    def ended(self) -> None:
        """The daemon is gone."""
        unsaved = self.uptime.now() - self.uptime.saved
        most = SAVE_TIME_SECONDS + 1.0
        fair = self.uptime.undisturbed() > 2 * most
        text = f"{unsaved:.3f} service seconds were not saved"
        self.verdicts.check(unsaved <= most or not fair, 5, "", text)
        self.outages.ended()
        self.taking_up.ended()
        self.excuses.ended()
        self.answers.forget()

    def commit_asked(self, change: Change) -> None:
        """A change is about to be saved."""
        self.answers.commit_asked(change.after.board)
        self.taking_up.commit_asked(change)
        board = change.after.board
        self._decided[board] = Decided(self.uptime.now(), self.excuses.excuses(board))

    def committed(self, written: Written) -> None:
        """A change is on the disk."""
        change = written.change
        now, excused = self._decided[change.after.board]
        before = written.before or Standing(
            board=change.after.board, state="New", since=change.row.at
        )
        for rule, text in judge(self._lifecycle, before, change, now, excused):
            self.verdicts.broken(
                rule, change.after.board, f"{change.row.event}: {text}"
            )
        self.answers.committed(written)
        self.outlets.committed(written)
        self._endings.committed(written)
        self._count_cycle(written)
        self._count_told(written)
        self._expect_end(change.after)

    def excused(self, board: str) -> bool:
        """Whether its failures did not count when its last change was decided."""
        return self._decided[board].excused

    def judged(self, before: Incident | None, incident: Incident) -> None:
        """An incident is on the disk, as it is by now; `before`, as it was there."""
        self.guilt.judged(before, incident)
        self._endings.judged(before, incident)

    def commit_refused(self, board: str, error: StoreError) -> None:
        """A change came too late for its row."""
        self.verdicts.broken(3, board, f"a change was refused: {error}")

    def _count_cycle(self, written: Written) -> None:
        after, event = written.change.after, written.change.row.event
        if is_a_persons(written.change.row) or event == POLL_FAILED:
            self._cycles[after.board] = 0
        if not written.change.owed or event == RESUME:
            return
        if self._lifecycle.is_off(after.state):
            return
        self._cycles[after.board] += 1
        count, most = self._cycles[after.board], self._most_cycles
        text = f"{count} power cycles, and nobody asked for them"
        self.verdicts.check(count <= most, 4, after.board, text)

    def network_left(self) -> None:
        """lifeguard reaches no board any more."""
        self._network_down, self._told_meanwhile = True, 0

    def network_came_back(self) -> None:
        self._network_down = False

    def _count_told(self, written: Written) -> None:
        """A lab too small to fail within the brake's two minutes has no brake."""
        boards = len(self._inventory.boards)
        if not self._network_down or boards < BRAKED_FROM:
            return
        self._told_meanwhile += written.change.row.event == POLL_FAILED
        most = boards * FIGURES.brake + AT_LEAST
        text = f"{self._told_meanwhile} boards failed, and it was the network"
        self.verdicts.check(self._told_meanwhile <= most, 9, "", text)

    def _expect_end(self, standing: Standing) -> None:
        state, deadline = self._lifecycle[standing.state], standing.deadline
        transition = self._lifecycle.transition(standing.state, "timeout")
        if deadline is None or isinstance(transition, Renew):
            return

        def met() -> bool:
            return self._durable.standings[standing.board].version != standing.version

        text = f"stands in {state.name} beyond its deadline"
        self.watchdog.expect(
            Expectation(4, standing.board, deadline, self._patience(state), met, text)
        )

    def _patience(self, state: State) -> float:
        """After a start boards are heard first; and the time of a power cycle begins
        when it is taken up."""
        patience = BACK_SECONDS + GRACE_SECONDS
        if not self._lifecycle.orders_power(state.name):
            return patience
        return patience + len(self._inventory.boards) / RESUME_RATE


def most_cycles(lifecycle: Lifecycle) -> int:
    """Power cycles that all strikes of all states together may cost."""
    return sum(lifecycle[name].attempts + 1 for name in lifecycle.states)
