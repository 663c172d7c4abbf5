"""Rules about power: what is switched off was ordered, and stays off only by order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.lifecycle.state import (
    CYCLE_FAILED,
    CYCLE_OK,
    CYCLE_STARTED,
    POWER_OFF_OK,
)
from lifeguard.simulator.virtual.outages import BACK_SECONDS
from lifeguard.simulator.virtual.uptime import Expectation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Board, Outlet, Owed, Saved
    from lifeguard.power import RelayError
    from lifeguard.simulator.virtual.durable import Durable, Written
    from lifeguard.simulator.virtual.heap import HeapClock
    from lifeguard.simulator.virtual.relays import Rack
    from lifeguard.simulator.virtual.uptime import Uptime, Watchdog
    from lifeguard.simulator.virtual.verdict import Verdicts

OFF_SECONDS = 200.0
"""An outlet may stay off as long while its relay board and lifeguard both work:
the longest pause between two tries, and a queue."""

FAIR_SECONDS = 90.0
"""An orderly stop is judged when a relay board has worked so long by then: longer
than the longest pause between two tries, and the stop itself."""


class OutletRules:
    """Watches every outlet of the lab."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        boards: Mapping[str, Board],
        durable: Durable,
        racks: Mapping[str, Rack],
        clock: HeapClock,
        uptime: Uptime,
        watchdog: Watchdog,
        verdicts: Verdicts,
    ) -> None:
        self._lifecycle, self._boards = lifecycle, boards
        self._durable, self._racks, self._clock = durable, racks, clock
        self._uptime, self._watchdog, self._verdicts = uptime, watchdog, verdicts
        self._board_of = {
            outlet: board.name for board in boards.values() for outlet in board.power
        }
        self._owed_at_start: set[Outlet] = set()
        self._ordered_in_this_life: set[str] = set()
        self._ordered_at: dict[str, float] = {}
        self._wanted_again_at: dict[str, float] = {}
        """When boards that were off were last to be on again."""
        self._stopping_since = 0.0
        self._on_again_at: dict[Outlet, float] = {}
        self._troubled_at: dict[str, float] = {}

    def began(self, saved: Saved) -> None:
        """A daemon begins with what was saved."""
        self._owed_at_start = {
            owed.outlet for owed in saved.owed if not self._may_be_off(owed.board)
        }
        self._ordered_in_this_life = set()

    def troubled(self, rack: str) -> None:
        """A relay board fails, or has failed until now."""
        self._troubled_at[rack] = self._clock.seconds()

    # What is saved.

    def committed(self, written: Written) -> None:
        change = written.change
        board = change.after.board
        if change.owed:
            self._ordered_in_this_life.add(board)
            self._ordered_at[board] = self._clock.seconds()
        before = written.before
        if before is not None and self._lifecycle.is_off(before.state):
            self._watch_again(board)
            self._wanted_again_at[board] = self._clock.seconds()
        if change.row.event == POWER_OFF_OK:
            for outlet in self._boards[board].power:
                text = f"{POWER_OFF_OK}, and {outlet} is on"
                self._verdicts.check(self._is_off(outlet), 6, board, text)
        if change.row.event == CYCLE_OK:
            for outlet in self._boards[board].power:
                self._check_cycled(board, outlet)

    def _check_cycled(self, board: str, outlet: Outlet) -> None:
        text = f"power-cycle-ok, and {outlet} is off"
        self._verdicts.check(not self._is_off(outlet), 6, board, text)
        cycled = self._on_again_at.get(outlet, -1.0) >= self._ordered_at[board]
        text = f"power-cycle-ok, and {outlet} was not cycled since that was ordered"
        self._verdicts.check(cycled, 2, board, text)

    def settled(self, owed: Owed) -> None:
        """A mark has been taken away, unless it was a newer one."""
        marked = owed.outlet in self._durable.owed
        text = f"{owed.outlet} is off, and its mark is gone"
        on = not self._is_off(owed.outlet)
        self._verdicts.check(marked or on, 6, owed.board, text)

    # What is switched.

    def board_of(self, outlet: Outlet) -> str:
        """The board that gets its power from the outlet."""
        return self._board_of[outlet]

    def feeds(self, rack: str, board: str) -> bool:
        """Whether the board gets power from that relay board."""
        return any(each.relay_board == rack for each in self._boards[board].power)

    def asked(self, outlet: Outlet, on: bool) -> None:
        """The daemon has asked for an outlet to be switched."""
        if on:
            self._owed_at_start.discard(outlet)
        else:
            self._check_off(self._board_of[outlet], outlet)

    def _check_off(self, board: str, outlet: Outlet) -> None:
        standing, check = self._durable.standings[board], self._verdicts.check
        keeps = self._lifecycle.wants(standing.state, "keep_off")
        started = CYCLE_STARTED in standing.noted or keeps
        wanted = self._lifecycle.orders_power(standing.state) or keeps
        text = f"{outlet} off, and power-cycle-started is not saved"
        check(started and wanted, 1, board, text)
        ordered = board in self._ordered_in_this_life or keeps
        check(ordered, 6, board, "the power cycle of an earlier life goes on")
        first = [
            each
            for each in self._owed_at_start
            if each.relay_board == outlet.relay_board
        ]
        check(not first, 6, board, f"{outlet} off, and what is owed waits: {first}")

    def moved(self, outlet: Outlet, on: bool) -> None:
        """A relay has moved."""
        board, now = self._board_of[outlet], self._clock.seconds()
        if on:
            self._on_again_at[outlet] = now
            state = self._durable.standings[board].state
            kept_off = self._lifecycle.wants(state, "keep_off")
            text = f"{outlet} was switched on, and the board is in {state}"
            self._verdicts.check(not kept_off, 6, board, text)
            return
        marked = outlet in self._durable.owed
        self._verdicts.check(marked, 6, board, f"{outlet} is off, and it is not owed")
        self._watch_off(outlet, now)

    def switched(self, outlet: Outlet, error: RelayError | None) -> None:
        """A request was served, with whatever luck."""
        if error is not None:
            self.troubled(outlet.relay_board)

    # What must come of it.

    def _watch_off(self, outlet: Outlet, since: float) -> None:
        def look() -> None:
            now, board = self._clock.seconds(), self._board_of[outlet]
            if not self._is_off(outlet) or self._on_again_at.get(outlet, 0.0) > since:
                return
            if self._may_be_off(board):
                return  # what ends that begins to watch again
            if self._is_to_be_cycled(board):
                self._clock.callLater(OFF_SECONDS, look)
            elif self.worked_for(outlet.relay_board, since) >= OFF_SECONDS - 1e-3:
                text = f"{outlet} has been off for {now - since:g} s"
                self._verdicts.broken(6, board, text)
            else:
                self._clock.callLater(OFF_SECONDS, look)

        self._clock.callLater(OFF_SECONDS, look)

    def stopping(self) -> None:
        """SIGTERM: what is committed from now on is left to the next start."""
        self._stopping_since = self._clock.seconds()

    def stopped(self) -> None:
        """Lifeguard has ended by itself."""
        since = self._clock.seconds() - FAIR_SECONDS
        for rack in self._racks.values():
            if self.worked_for(rack.name, since) < FAIR_SECONDS:
                continue
            for outlet in sorted(rack.off):
                board = self._board_of[outlet]
                if self._may_be_off(board) or self._is_wanted_too_late(board):
                    continue
                text = f"{outlet} was left off by an orderly stop"
                self._verdicts.broken(6, board, text)

    def ended(self, board: str, generation: int, failure: str | None) -> None:
        """The daemon's power has reported the end of a cycle."""
        before = self._durable.standings[board]
        if not self._lifecycle.orders_power(before.state):
            return  # nobody waits for it any more
        outcome = CYCLE_OK if failure is None else CYCLE_FAILED

        ordered = self._ordered_in_this_life

        def met() -> bool:
            if self._ordered_in_this_life is not ordered:
                return True  # the next daemon takes it up again
            standing = self._durable.standings[board]
            if standing.generation != generation or standing.stay != before.stay:
                return True
            return outcome in standing.noted

        text = f"{outcome} of generation {generation} was lost"
        self._watchdog.expect(
            Expectation(8, board, self._uptime.now(), BACK_SECONDS, met, text)
        )

    def worked_for(self, rack: str, since: float = 0.0) -> float:
        """Seconds that the relay board has worked, of those since then."""
        if not self._racks[rack].reachable:
            return 0.0
        now, troubled = self._clock.seconds(), self._troubled_at.get(rack, 0.0)
        return min(now - max(since, troubled), self._uptime.seconds_up())

    def _watch_again(self, board: str) -> None:
        """It may be off no longer; what is off by then has to come back."""
        if not self._may_be_off(board):
            for outlet in filter(self._is_off, self._boards[board].power):
                self._watch_off(outlet, self._clock.seconds())

    def _is_wanted_too_late(self, board: str) -> bool:
        """Whether it was off until the stop: the next start switches it on."""
        return self._wanted_again_at.get(board, -1.0) >= self._stopping_since

    def _may_be_off(self, board: str) -> bool:
        return self._lifecycle.is_off(self._durable.standings[board].state)

    def _is_to_be_cycled(self, board: str) -> bool:
        """Its turn may be long in coming, which other rules look after."""
        state = self._durable.standings[board].state
        return self._lifecycle.wants(state, "cycle_power")

    def _is_off(self, outlet: Outlet) -> bool:
        return outlet in self._racks[outlet.relay_board].off
