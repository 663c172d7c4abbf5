"""Relay boards that come, go and are changed while the lab runs; boards let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from lifeguard.model import Outlet, Owed, RelayBoard
from lifeguard.power import Power, RelayBoardQueue
from lifeguard.power.condition import Since
from lifeguard.power.driver import Surroundings
from lifeguard.power.drivers.proxr import Proxr
from lifeguard.power.relay_boards import RelayBoards
from lifeguard.power.step import STEP_SECONDS
from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import FakeRelayBoard
from tests.power_rig import About

A, B = Outlet("rack1", "1/1"), Outlet("rack1", "1/2")
OFF_SECONDS = 5.0


class Reports:
    """All cycles are wanted, and all that is told is kept."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def about(self, board: str) -> Any:
        return About(self, board)

    def cycle_started(self, board: str, generation: int) -> Deferred[bool]:
        return succeed(True)

    def cycle_ended(self, board: str, generation: int, failure: str | None) -> None:
        self.told.append(f"ended {board} {generation}: {failure or 'ok'}")

    def outlet_is_on(self, owed: Owed) -> Deferred[None]:
        self.told.append(f"settled {owed.outlet} {owed.board} {owed.generation}")
        return succeed(None)

    def relay_board_changed(self, relay_board: str, since: Since) -> None:
        self.told.append(f"{relay_board} is {since.state}")

    def cycle_held(self, board: str, *_: Any) -> None:
        self.told.append(f"held {board}")

    def cycle_goes_on(self, board: str, generation: int) -> None:
        self.told.append(f"goes on {board}")

    cycle_void = switched_off = found_on = cycle_held


class Rig(NamedTuple):
    clock: Clock
    power: Power
    reports: Reports
    relay_boards: dict[str, FakeRelayBoard]
    queues: dict[str, RelayBoardQueue]

    def run(self, seconds: float) -> None:
        self.clock.pump([0.125] * int(seconds * 8))

    def add(self, name: str) -> RelayBoardQueue:
        record, device = self.device(name)
        self.queues[name] = RelayBoardQueue(self.clock, record, device)
        self.power.add_relay_board(name, self.queues[name])
        return self.queues[name]

    def device(self, name: str, **figures: Any) -> tuple[RelayBoard, Proxr]:
        """A relay board of that name, and no other than before."""
        figures = {"off_seconds": OFF_SECONDS, **figures}
        record = RelayBoard(name=name, driver="proxr", address="", **figures)
        fake = self.relay_boards[name] = FakeRelayBoard(self.clock)
        return record, Proxr(self.clock, fake, "classic", linger=3.0)

    def names(self) -> list[str]:
        return [each.name for each in self.power.relay_boards()]

    def is_on(self, outlet: Outlet) -> bool:
        bank, relay = map(int, outlet.rest.split("/"))
        return Relay(bank, relay) not in self.relay_boards["rack1"].relays_on

    def ends(self) -> None:
        """The service is stopped, and nothing is left of it."""
        stopped: list[None] = []
        self.power.stopService().addCallback(stopped.append)
        self.run(10)
        assert stopped == [None]
        assert self.clock.getDelayedCalls() == []


def rig() -> Rig:
    clock, reports = Clock(), Reports()
    clock.advance(100)
    power = Power(clock, {}, reports)
    power.startService()
    parts = Rig(clock, power, reports, {}, {})
    parts.add("rack1")
    return parts


def in_off_half(parts: Rig) -> Rig:
    parts.power.cycle("a", 1, (A,))
    parts.run(2)
    assert not parts.is_on(A)
    return parts


def test_a_relay_board_that_is_added_is_used_shown_and_counted() -> None:
    parts = rig()
    parts.add("rack2")
    parts.power.cycle("a", 1, (Outlet("rack2", "1/1"),))
    parts.run(10)
    assert parts.names() == ["rack1", "rack2"]
    assert parts.reports.told == ["settled rack2/1/1 a 1", "ended a 1: ok"]
    assert parts.power.cycles_ended.outcomes["rack2"]["ok"] == 1
    parts.relay_boards["rack2"].reachable = False
    parts.power.test("rack2").addErrback(lambda _: None)
    parts.run(5)
    assert parts.reports.told[2:] == ["rack2 is Suspect"]
    parts.ends()


def test_a_relay_board_without_work_is_removed_at_once() -> None:
    parts = rig()
    gone: list[bool] = []
    parts.power.remove_relay_board("rack1").addCallback(gone.append)
    assert (gone, parts.names()) == ([True], [])
    parts.power.cycle("a", 1, (A,))
    assert parts.reports.told == [
        "ended a 1: rack1/1/1: no relay board rack1 in the inventory"
    ]


def test_a_relay_board_is_removed_when_all_that_it_switched_off_is_on_again() -> None:
    parts, gone = in_off_half(rig()), []
    parts.power.remove_relay_board("rack1").addCallback(gone.append)
    parts.power.owe([Owed(B, "b", 1)])
    assert (gone, parts.names()) == ([], [])
    parts.run(10)
    assert gone == [True]
    assert parts.is_on(A)
    assert sorted(parts.reports.told) == [
        "ended a 1: ok",
        "settled rack1/1/1 a 1",
        "settled rack1/1/2 b 1",
    ]
    parts.power.cycle("a", 2, (A,))
    assert "no relay board rack1" in parts.reports.told[-1]


def test_one_that_is_added_again_meanwhile_goes_on_as_it_is() -> None:
    parts, gone = in_off_half(rig()), []
    parts.power.remove_relay_board("rack1").addCallback(gone.append)
    parts.power.add_relay_board("rack1", parts.queues["rack1"])
    parts.run(10)
    assert (gone, parts.names()) == ([False], ["rack1"])
    parts.power.cycle("a", 2, (A,))
    parts.run(10)
    assert parts.reports.told[-1] == "ended a 2: ok"
    parts.ends()


class Slow(Proxr):
    """A relay board that does not come to the end of being closed."""

    def close(self) -> Deferred[None]:
        super().close()
        return Deferred()


def test_one_that_is_added_while_it_is_being_closed_is_another() -> None:
    parts = rig()
    relay_boards = RelayBoards(
        (), Surroundings(parts.clock, Path()), lambda name, queue: None
    )
    record, device = parts.device("rack2")
    fake = parts.relay_boards["rack2"]
    slow = Slow(parts.clock, fake, "classic", linger=3.0)
    parts.power.add_relay_board("rack2", relay_boards.take(record, slow))
    parts.power.remove_relay_board("rack2").addCallback(
        lambda _: relay_boards.close("rack2")
    )
    assert (parts.names(), relay_boards.queues) == (["rack1"], {})
    parts.power.add_relay_board("rack2", relay_boards.take(record, device))
    parts.power.cycle("b", 1, (Outlet("rack2", "1/1"),))
    with capturedLogs() as logged:
        parts.run(STEP_SECONDS + 1)
    assert parts.reports.told[-1] == "ended b 1: ok"
    assert [each["relay_board"] for each in logged if "error" in each] == ["rack2"]
    parts.ends()


def test_a_board_that_is_let_go_in_its_off_half_is_gone_when_it_is_on() -> None:
    parts, gone = in_off_half(rig()), []
    parts.power.cycle("a", 2, (A,))
    parts.power.let_go("a", 2, (A,)).addCallback(gone.append)
    parts.run(3)
    assert gone == []
    parts.run(7)
    assert gone == [None]
    assert parts.is_on(A)
    assert parts.reports.told == [
        "settled rack1/1/1 a 1",
        "ended a 1: ok",
        "settled rack1/1/1 a 2",
    ]
    parts.ends()


def test_one_whose_turn_has_not_come_is_gone_at_once_and_paid_all_the_same() -> None:
    parts = rig()
    parts.relay_boards["rack1"].reachable = False
    parts.power.test("rack1").addErrback(lambda _: None)
    parts.power.cycle("a", 1, (A,))
    gone: list[None] = []
    parts.power.let_go("a", 1, (A,)).addCallback(gone.append)
    assert gone == [None]
    assert [str(one.outlet) for one in parts.power.owed()] == ["rack1/1/1"]
    parts.relay_boards["rack1"].reachable = True
    parts.run(20)
    assert "settled rack1/1/1 a 1" in parts.reports.told
    assert [told for told in parts.reports.told if "ended" in told] == []
    parts.ends()


def test_a_board_that_was_off_is_let_go_with_its_power_on() -> None:
    parts = rig()
    parts.power.keep_off("a", 1, (A,))
    parts.run(2)
    assert not parts.is_on(A)
    parts.power.let_go("a", 1, (A,))
    parts.run(5)
    assert parts.is_on(A)
    parts.ends()


def test_of_a_board_that_owes_nothing_nothing_is_switched() -> None:
    parts, gone = rig(), []
    parts.power.let_go("a", 1, ()).addCallback(gone.append)
    parts.run(5)
    assert (gone, parts.relay_boards["rack1"].seen) == ([None], [])


def test_a_relay_board_at_another_address_switches_on_what_was_off_at_the_old() -> None:
    parts = in_off_half(rig())
    old = parts.relay_boards["rack1"]
    parts.queues["rack1"].become(*parts.device("rack1", off_seconds=9.0, together=3))
    parts.run(10)
    assert old.seen[-1][1] == "aborted"
    assert "switch off relay 1 of bank 1" in (
        parts.relay_boards["rack1"].seen_without_times()
    )
    assert parts.reports.told == ["settled rack1/1/1 a 1", "ended a 1: ok"]
    assert parts.queues["rack1"].off_seconds == 9.0
    parts.ends()


def test_one_that_was_broken_is_tried_at_its_new_address_at_once() -> None:
    parts = rig()
    parts.relay_boards["rack1"].reachable = False
    parts.power.cycle("a", 1, (A,))
    parts.run(60)
    assert parts.queues["rack1"].since.state == "Broken"
    parts.reports.told.clear()
    parts.queues["rack1"].become(*parts.device("rack1"))
    parts.run(1)
    assert parts.reports.told[0] == "rack1 is Working"
    parts.run(10)
    parts.ends()


def test_what_is_being_asked_of_the_old_one_comes_to_its_end() -> None:
    parts = rig()
    switching: list[None] = []
    parts.queues["rack1"].switch(A, on=False).addCallback(switching.append)
    old = parts.relay_boards["rack1"]
    parts.queues["rack1"].become(*parts.device("rack1"))
    parts.run(3)
    assert switching == [None]
    assert Relay(1, 1) in old.relays_on
    assert parts.relay_boards["rack1"].seen == []
    parts.ends()
