"""The queue of one relay board, down to the bytes, in the hands of a test."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.task import Clock

from lifeguard.model import Outlet, RelayBoard
from lifeguard.power import RelayBoardQueue
from lifeguard.power.drivers.proxr import Proxr
from tests.fake_relay_board import FakeRelayBoard

LINK = "link test"


class Rig(NamedTuple):
    queue: RelayBoardQueue
    relay_board: FakeRelayBoard
    clock: Clock
    heard: list
    told: list

    def states(self):
        """What the relay board has become, one after the other."""
        return list(self.told)

    def switch(self, number, on):
        switching = self.queue.switch(Outlet("rack1", f"1/{number}"), on)
        self.hear(f"{number} {'on' if on else 'off'}", switching)
        return switching

    def hear(self, what, deferred):
        def note(result):
            error = "" if result is None else f": {type(result.value).__name__}"
            what_came = f"{what}{error}" if error else what
            self.heard.append((self.clock.seconds(), what_came))

        deferred.addBoth(note)

    def run(self, seconds):
        self.clock.pump([0.125] * int(seconds * 8))


def rig(**limits):
    clock = Clock()
    clock.advance(100)
    relay_board = FakeRelayBoard(clock)
    record = RelayBoard(
        name="rack1", driver="proxr", address="192.0.2.10:2101", **limits
    )
    device = Proxr(clock, relay_board, "classic", linger=3.0)
    queue, states = RelayBoardQueue(clock, record, device), []
    queue.hear(lambda: states.append(queue.since.state))
    return Rig(queue, relay_board, clock, [], states)


def on(number):
    """What the relay board sees when power is given to an outlet."""
    read = f"read relay {number} of bank 1"
    return [f"switch off relay {number} of bank 1", read, read]


def off(number):
    """What the relay board sees when power is taken from an outlet."""
    read = f"read relay {number} of bank 1"
    return [f"switch on relay {number} of bank 1", read, read]
