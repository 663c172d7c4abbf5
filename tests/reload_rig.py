"""Both sides of the power seam under a changeover: real boards, real power, real blame.

Only the store, the poller and the queues of the relay boards are a test's; `said` is
all that they were asked, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lifeguard.blame.inquiry import Inquiry
from lifeguard.board import ManagedBoard
from lifeguard.changeover import Changeover
from lifeguard.clock import ServiceTime
from lifeguard.config import Blame
from lifeguard.fleet import Fleet
from lifeguard.inventory.difference import difference, kept
from lifeguard.model import Inventory, Outlet, RelayBoard, Saved, Standing
from lifeguard.power import Power
from tests.power_rig import FakeQueue
from tests.rig import EPOCH, FakePoller, FakeStore, inventory, result_of
from tests.test_inventory_difference import without


class FakeRelayBoards:
    """Relay boards whose queues are fakes; the driver of `broken` makes no device."""

    def __init__(self, names: tuple[str, ...], said: list[Any]) -> None:
        self._said = said
        self.queues = {name: FakeQueue(name, said) for name in names}
        self.broken = ""

    def device(self, relay_board: RelayBoard) -> str:
        if relay_board.name == self.broken:
            raise ImportError("no module named gpiod")
        return relay_board.name

    def take(self, relay_board: RelayBoard, device: str) -> FakeQueue:
        if device not in self.queues:
            self.queues[device] = FakeQueue(device, self._said)
        return self.queues[device]

    def close(self, name: str) -> None:
        self.queues.pop(name).close()


@dataclass
class Rig:
    said: list[Any]
    clock: Clock
    store: FakeStore
    fleet: Fleet
    power: Power
    inquiry: Inquiry
    relay_boards: FakeRelayBoards
    changeover: Changeover

    def make(self, new: Inventory, **known: Standing) -> Deferred[None]:
        old = self.fleet.inventory
        merged = kept(old, new)
        return self.changeover.make(merged, difference(old, merged), known)

    def board(self, name: str = "panda-01") -> ManagedBoard:
        return self.fleet.boards[name]

    def request(self, event: str) -> Deferred[Any]:
        return self.fleet.request("panda-01", event, {}, "me")

    def answer(self, outlet: str, on: bool) -> None:
        relay_board, _, rest = outlet.partition("/")
        queue = self.relay_boards.queues[relay_board]
        queue.asked.pop((Outlet(relay_board, rest), on)).callback(None)

    def saves(self) -> None:
        """All that the store holds back, and what comes of it."""
        self.store.holds = False
        for held in self.store.held:
            held()
        self.store.held.clear()

    def owed(self) -> list[str]:
        return [str(one.outlet) for one in self.power.owed()]

    def told(self) -> list[Any]:
        """What was asked since the last time."""
        said = list(self.said)
        self.said.clear()
        return said


def two_racks(lab: Inventory | None = None) -> Inventory:
    """The lab, whose boards are on rack1, with a second relay board beside it."""
    lab = lab or inventory()
    rack2 = replace(lab.relay_boards["rack1"], name="rack2")
    return replace(lab, relay_boards={**lab.relay_boards, "rack2": rack2})


def on_rack2(*boards: str) -> Inventory:
    """The same lab with these boards moved to rack2, and without rack1."""
    lab = two_racks()
    for name in boards:
        power = tuple(Outlet("rack2", one.rest) for one in lab.boards[name].power)
        moved = replace(lab.boards[name], power=power)
        lab = replace(lab, boards={**lab.boards, name: moved})
    return without(lab, "relay_boards", "rack1")


def rig(lab: Inventory | None = None, saved: Saved | None = None) -> Rig:
    lab, saved = lab or two_racks(), saved or Saved()
    said: list[Any] = []
    clock = Clock()
    service_time = ServiceTime(clock)
    service_time.start(saved.service_seconds)
    store = FakeStore(said, saved=dict(saved.standings))
    fleet = Fleet(lab, store, FakePoller(said), clock, service_time, lambda: EPOCH)
    relay_boards: Any = FakeRelayBoards(tuple(lab.relay_boards), said)
    power = Power(clock, relay_boards.queues, fleet)
    fleet.load(saved, power)
    power.startService()
    fleet.startService()
    fleet.resume(saved, power)
    inquiry = Inquiry(
        fleet, store, Blame(), clock, service_time, lambda: EPOCH, lambda: None
    )
    inquiry.load(saved)
    fleet.subscribe(inquiry.changed)
    inquiry.begin(saved)
    clock.pump([0, 0, 0, 0])
    changeover = Changeover(fleet, power, relay_boards, inquiry, [])
    return Rig(
        said, clock, store, fleet, power, inquiry, relay_boards, changeover
    )  # fmt: skip


def switched_off(parts: Rig) -> Rig:
    """panda-01 is Off; `said` begins after that."""
    result_of(parts.request("rq-power-off"))
    parts.answer("rack1/1/1", on=False)
    parts.clock.advance(1)
    assert parts.board().standing.state == "Off"
    parts.told()
    return parts
