"""No strike against a board for its relay board's failure, however short its time.

A fleet and its power over one relay board, down to the bytes, on one clock: the relay
board falls silent at each command of a board's power cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from twisted.internet.task import Clock

from lifeguard.clock import ServiceTime
from lifeguard.fleet import Fleet
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import RelayBoard, Saved
from lifeguard.power import Power, RelayBoardQueue
from lifeguard.power.drivers.proxr import Proxr
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE, FakeRelayBoard
from tests.rig import EPOCH, FakePoller, FakeStore, inventory, result_of

LINK = "link test"
OFF, ON = "switch on relay 1 of bank 1", "switch off relay 1 of bank 1"
READ = "read relay 1 of bank 1"
HONEST = [[b"\1"], [b"\1"], [b"\0"], [b"\0"]]

STEPS = {
    "the greeting": (LINK, []),
    "off": (OFF, []),
    "the read-back of off": (READ, []),
    "on": (ON, []),
    "the read-back of on": (READ, HONEST[:2]),
}
"""Each command of a cycle, and what it answers before."""

NAME = "panda-01"


class Rig(NamedTuple):
    clock: Clock
    relay_board: FakeRelayBoard
    store: FakeStore
    fleet: Fleet
    power: Power

    def request(self, event: str) -> None:
        result_of(self.fleet.request(NAME, event, {}, "operator"))

    def run(self, seconds: float) -> None:
        self.clock.pump([0.125] * int(seconds * 8))

    def state(self) -> str:
        return self.fleet.board(NAME).standing.state

    def stop(self) -> None:
        self.fleet.stopService()
        self.power.stopService()
        self.run(60)


def rig(timeout: float) -> Rig:
    clock = Clock()
    figures = {"timeout": timeout}
    lifecycle = LIFECYCLE.with_figures(
        {"RebootRebooting": figures, "PoweringOff": figures}
    )
    relay_board = FakeRelayBoard(clock, round_trip=0.015625)
    record = RelayBoard(name="rack1", driver="proxr", address="192.0.2.10:2101")
    queue = RelayBoardQueue(clock, record, Proxr(clock, relay_board, "classic", 3.0))
    store, service_time = FakeStore([]), ServiceTime(clock)
    service_time.start(0.0)
    fleet = Fleet(
        inventory(lifecycle),
        store,
        FakePoller([]),
        clock,
        service_time,
        lambda: EPOCH,
    )
    power = Power(clock, {"rack1": queue}, fleet)
    fleet.load(Saved(), power)
    for service in (fleet, power):
        service.startService()
    fleet.resume(Saved(), power)
    return Rig(clock, relay_board, store, fleet, power)


def strikes(parts: Rig) -> list[str]:
    return [row.reason for row in parts.store.rows if "strike" in row.reason]


@pytest.mark.parametrize("timeout", [1, 5, 8])
@pytest.mark.parametrize("step", STEPS)
def test_a_relay_board_that_hangs_costs_no_strike(step: str, timeout: float) -> None:
    command, honest = STEPS[step]
    parts = rig(timeout)
    parts.relay_board.oddities[LINK] = [[b"U"], *[SILENCE] * 9]
    parts.relay_board.oddities[command] = [*honest, SILENCE]
    parts.request("rq-reboot")
    parts.run(400)
    assert (strikes(parts), parts.state()) == ([], "RebootComplete")
    assert parts.relay_board.relays_on == set()
    parts.stop()


@pytest.mark.parametrize("timeout", [1, 5, 8])
def test_nor_when_the_board_is_to_be_switched_off(timeout: float) -> None:
    parts = rig(timeout)
    parts.relay_board.oddities[LINK] = [SILENCE] * 9
    parts.request("rq-power-off")
    parts.run(200)
    assert (strikes(parts), parts.state()) == ([], "Off")
    parts.stop()


def test_a_cycle_is_not_timed_out_while_its_relay_board_is_merely_slow() -> None:
    parts = rig(timeout=2)
    parts.relay_board.round_trip = 1.0
    parts.request("rq-reboot")
    parts.run(30)
    assert (strikes(parts), parts.state()) == ([], "RebootComplete")
    parts.stop()


def test_an_outlet_that_alone_fails_is_its_boards_strike_all_the_same() -> None:
    parts = rig(timeout=5)
    parts.relay_board.stuck.add(Relay(1, 1))
    parts.request("rq-reboot")
    parts.run(8)
    assert strikes(parts) == ["strike 1, 200 allowed"]
    parts.stop()
