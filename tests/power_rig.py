"""Power in the hands of a test, with its queues faked or down to the bytes.

`rig` lets a test answer each request by hand, and one list keeps everything that was
asked and told, in order. `lab` is the whole of it, over a relay board that lives on
the same clock.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from lifeguard.model import Outlet, RelayBoard
from lifeguard.power import Power, RelayBoardQueue, RelayError
from lifeguard.power.condition import Since
from lifeguard.power.drivers.proxr import Proxr
from lifeguard.power.errors import Closed
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import FakeRelayBoard

A = Outlet("rack1", "1/1")
B = Outlet("rack1", "1/2")
C = Outlet("rack2", "1/1")
NO_STORE = RuntimeError("no store")
REFUSED = "cannot be reached: Connection was refused by other side"


class FakeQueue:
    """A relay board of which a test says when and how it answers."""

    off_seconds = 1.0
    patience = 86400.0
    off_check = 900.0

    def __init__(self, name: str, events: list) -> None:
        self.name, self.events = name, events
        self.since = Since("Working", 0.0)
        self.listeners: list = []
        self.cycles = 0
        self.asked: dict[tuple[Outlet, bool], Deferred[None]] = {}
        self.turns: list[Deferred[None]] = []
        self.turns_come = True

    def turn(self, board, urgent=False):
        turn: Deferred[None] = Deferred()
        self.turns.insert(0 if urgent else len(self.turns), turn)
        if self.turns_come and self.since.state == "Working":
            self.give_turns()
        return turn

    def hear(self, listener):
        self.listeners.append(listener)

    def become(self, state, why=""):
        self.since = Since(state, 0.0, why)
        for listener in self.listeners:
            listener()
        if self.turns_come and state == "Working":
            self.give_turns()

    def give_back(self):
        self.cycles -= 1

    def give_turns(self):
        turns, self.turns = self.turns, []
        for turn in turns:
            self.cycles += 1
            turn.callback(None)

    def switch(self, outlet, on, urgent=False):
        at_once = " at once" if urgent else ""
        self.events.append(f"{'on' if on else 'off'} {outlet}{at_once}")
        self.asked[outlet, on] = Deferred()
        return self.asked[outlet, on]

    def read(self, outlet):
        self.events.append(f"read {outlet}")
        self.read_of = Deferred()
        return self.read_of

    def test(self):
        return succeed(None)

    def status(self):
        return self.name

    def close(self):
        self.events.append(f"close {self.name}")
        for asked in self.asked.values():
            asked.errback(Closed())
        return succeed(None)


class About:
    """What is told of one board goes to `reports`, with the board's name before it."""

    def __init__(self, reports, board) -> None:
        self.reports, self.board = reports, board

    def __getattr__(self, report):
        return partial(getattr(self.reports, report), self.board)


class FakeReports:
    """What power tells; answers at once unless a test says otherwise."""

    def __init__(self, events: list) -> None:
        self.events = events
        self.wanted: dict[int, Deferred[bool]] = {}
        self.noting: list[Deferred[None]] = []
        self.became: list[tuple[str, str]] = []

    def about(self, board):
        return About(self, board)

    def cycle_started(self, board, generation):
        self.events.append(f"started {board} {generation}?")
        return self.wanted.pop(generation, None) or succeed(True)

    def cycle_ended(self, board, generation, failure):
        self.events.append(f"ended {board} {generation}: {failure or 'ok'}")

    def switched_off(self, board, generation):
        self.events.append(f"switched off {board} {generation}")

    def cycle_held(self, board, generation, why, patience):
        self.events.append(f"held {board} {generation} for {patience:g}: {why}")

    def cycle_goes_on(self, board, generation):
        self.events.append(f"goes on {board} {generation}")

    def cycle_void(self, board, generation, why, patience):
        self.events.append(f"void {board} {generation} for {patience:g}: {why}")

    def found_on(self, board, outlet):
        self.events.append(f"found on {board} {outlet}")

    def relay_board_changed(self, relay_board, since):
        self.became.append((relay_board, since.state))

    def outlet_is_on(self, owed):
        self.events.append(f"settled {owed.outlet} {owed.board} {owed.generation}")
        return self.noting.pop(0) if self.noting else succeed(None)


class Rig(NamedTuple):
    power: Power
    clock: Clock
    queues: dict[str, FakeQueue]
    reports: FakeReports
    events: list

    def answer(self, outlet, on, failure=None):
        asked = self.queues[outlet.relay_board].asked.pop((outlet, on))
        if failure is None:
            asked.callback(None)
        else:
            asked.errback(RelayError(failure))

    def told(self):
        """What was asked and told since the last time."""
        events = list(self.events)
        self.events.clear()
        return events

    def owed(self):
        return [
            (str(one.outlet), one.tries, one.last_error) for one in self.power.owed()
        ]

    def at_rest(self):
        return (self.power.owed(), self.clock.getDelayedCalls()) == ([], [])


def rig():
    clock, events = Clock(), []
    queues = {name: FakeQueue(name, events) for name in ("rack1", "rack2")}
    reports = FakeReports(events)
    power = Power(clock, queues, reports)
    power.startService()
    return Rig(power, clock, queues, reports, events)


def in_off_half(generation=1):
    """A rig with board `a` switched off and read back."""
    parts = rig()
    parts.power.cycle("a", generation, (A,))
    parts.answer(A, on=False)
    parts.told()
    return parts


class Lab(NamedTuple):
    power: Power
    clock: Clock
    relay_board: FakeRelayBoard
    reports: FakeReports
    events: list

    def told(self):
        """What was told since the last time."""
        events = list(self.events)
        self.events.clear()
        return events

    def lose_relay_board(self, reachable=False):
        """Its connection ends, and no other is to be had."""
        self.relay_board.hang_up()
        self.relay_board.reachable = reachable

    def run(self, seconds):
        """Let time pass, from one thing that is due to the next."""
        end = self.clock.seconds() + seconds
        while (due := self.clock.getDelayedCalls()) and due[0].getTime() <= end:
            self.clock.advance(max(0, due[0].getTime() - self.clock.seconds()))
        self.clock.advance(end - self.clock.seconds())


def lab(round_trip=0.015625, off_seconds=1.0):
    clock, events = Clock(), []
    relay_board = FakeRelayBoard(clock, round_trip)
    record = RelayBoard(
        name="rack1",
        driver="proxr",
        address="192.0.2.10:2101",
        off_seconds=off_seconds,
    )
    queue = RelayBoardQueue(clock, record, Proxr(clock, relay_board, "classic", 3.0))
    reports = FakeReports(events)
    power = Power(clock, {"rack1": queue}, reports)
    power.startService()
    return Lab(power, clock, relay_board, reports, events)


def lost_in_off_half(off_seconds=1.0):
    """A lab whose relay board is not there any more since board `a` is off."""
    parts = lab(off_seconds=off_seconds)
    parts.power.cycle("a", 1, (A,))
    parts.run(0.5)
    assert parts.relay_board.relays_on == {Relay(1, 1)}
    parts.lose_relay_board()
    return parts


def stop(parts):
    stopped = []
    parts.power.stopService().addBoth(stopped.append)
    return stopped
