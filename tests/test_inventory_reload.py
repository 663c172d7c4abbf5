"""Reading the inventory again: the plan, the guard, and all or nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs

from lifeguard.config import Configuration, ConfigurationError, Mistake, Server
from lifeguard.inventory.plan import Outlook
from lifeguard.inventory.reload import NotApplied, Reload
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Inventory, Outlet
from lifeguard.store import StoreUnavailable
from tests.rig import Rig, inventory, result_of, rig
from tests.test_inventory_difference import changed, without
from tests.web_rig import FakeRelayBoards

LAB = inventory(boards=40)


class Case(NamedTuple):
    lab: Rig
    reload: Reload
    files: list[Configuration | ConfigurationError]
    made: list[tuple[str, ...]]
    power: FakeRelayBoards

    def say(self, lab: Inventory, **server: Any) -> None:
        self.files[0] = Configuration(inventory=lab, server=Server(**server))

    def plan(self) -> Any:
        return result_of(Deferred.fromCoroutine(self.reload.plan()))

    def apply(self, digest: str | None = None, *, yes: bool = False) -> Any:
        return result_of(Deferred.fromCoroutine(self.reload.apply(digest, yes=yes)))

    def hang_up(self) -> list[str]:
        with capturedLogs() as logged:
            result_of(Deferred.fromCoroutine(self.reload.hang_up()))
        return [
            event["log_format"].format(**event)
            for event in logged
            if event["log_namespace"] == "lifeguard.inventory.reload"
        ]


def case(lab: Inventory = LAB) -> Case:
    parts = rig(lab)
    running = Configuration(inventory=lab)
    files: list[Configuration | ConfigurationError] = [running]
    made: list[tuple[str, ...]] = []
    power = FakeRelayBoards()

    def read() -> Deferred[Configuration]:
        return fail(files[0]) if isinstance(files[0], Exception) else succeed(files[0])

    def make(new: Inventory, difference: Any, known: Any) -> Deferred[None]:
        made.append((*difference.of("boards", "added", "changed", "removed"),))
        return parts.fleet.take_inventory(new, difference, known, lambda _: None)

    reload = Reload(running, read, parts.fleet, power, parts.store, make)
    return Case(parts, reload, files, made, power)


def test_a_plan_says_what_becomes_of_each_board_and_does_nothing() -> None:
    parts = case()
    parts.lab.request("rq-reboot", "panda-03")
    parts.lab.request("rq-reboot", "panda-04")
    parts.lab.request("rq-power-off", "panda-05")
    parts.lab.fleet.about("panda-05").switched_off(1)
    new = without(without(inventory(boards=41), "boards", "bare"), "boards", "panda-03")
    new = changed(new, "boards", "panda-02", address="198.51.100.2")
    new = changed(new, "boards", "panda-04", power=(Outlet("rack1", "9/1"),))
    new = changed(new, "boards", "panda-05", power=(Outlet("rack1", "9/2"),))
    parts.say(new)
    before = parts.lab.fleet.inventory
    plan = parts.plan()
    assert plan.boards == [
        Outlook(
            "panda-03",
            "is let go in RebootRebooting;"
            " a power cycle that has begun is finished first",
        ),
        Outlook("bare", "is let go in New"),
        Outlook("panda-02", "goes on in New"),
        Outlook("panda-04", "goes on in RebootRebooting, and its power is cycled anew"),
        Outlook(
            "panda-05", "is Off: the old outlets are switched on, the new ones off"
        ),
        Outlook("panda-41", "begins in New"),
    ]
    assert (plan.touched, plan.allowed, plan.needs_yes) == (5, 8, False)
    assert plan.summary() == "boards: 3 changed, 2 removed, 1 added"
    assert (parts.lab.fleet.inventory is before, parts.made) == (True, [])


def test_what_is_applied_is_what_was_shown_or_nothing() -> None:
    parts = case()
    parts.say(without(LAB, "boards", "bare"))
    digest = parts.plan().digest
    parts.say(without(LAB, "boards", "panda-01"))
    with pytest.raises(NotApplied, match="have changed since that plan"):
        parts.apply(digest)
    assert parts.made == []
    parts.say(without(LAB, "boards", "bare"))
    assert parts.apply(digest).digest == digest
    with pytest.raises(NotApplied, match="have changed since that plan"):
        parts.apply(digest)
    assert parts.made == [("bare",)]


def test_more_than_a_share_of_the_boards_needs_a_yes() -> None:
    parts = case()
    parts.say(inventory(boards=31))
    with pytest.raises(
        NotApplied,
        match="9 of 41 boards would be removed or another, 8 may be;"
        " `lifeguard inventory apply --yes` does it all the same",
    ):
        parts.apply()
    assert (parts.made, len(parts.lab.fleet.boards)) == ([], 41)
    assert parts.apply(yes=True).touched == 9
    assert len(parts.lab.fleet.boards) == 32


def test_in_a_small_lab_five_boards_may_be_another_and_any_number_added() -> None:
    parts = case(inventory(boards=6))
    parts.say(inventory(boards=1))
    assert parts.apply().touched == 5
    parts.say(inventory(boards=6))
    assert parts.apply().touched == 0


def test_a_state_that_is_lost_counts_and_a_figure_does_not() -> None:
    class Asleep(type(LIFECYCLE["Troubleshooting"])):  # type: ignore[misc]
        steady, by_hand = True, True

    parts = case(inventory(LIFECYCLE.replace(Asleep)))
    result_of(parts.lab.fleet.change("panda-01", "New", "Asleep", "me"))
    parts.say(inventory(LIFECYCLE.with_figures({"Ready": {"timeout": 600}})))
    plan = parts.plan()
    assert plan.boards == [
        Outlook("panda-01", "is left alone in Asleep, which its lifecycle has no more")
    ]
    assert plan.touched == 1


def test_a_board_that_comes_back_is_looked_up_in_the_store() -> None:
    parts = case()
    parts.lab.request("rq-maintenance")
    parts.lab.cycled()
    parts.lab.happens("maintenance-running")
    parts.say(without(LAB, "boards", "panda-01"))
    parts.apply()
    parts.say(LAB)
    assert parts.plan().boards == [
        Outlook("panda-01", "comes back, and goes on in Maintenance")
    ]
    parts.apply()
    assert parts.lab.state() == "Maintenance"


def test_without_a_store_nothing_is_changed() -> None:
    parts = case()
    parts.say(without(LAB, "boards", "bare"))
    parts.lab.store.leave()
    with pytest.raises(StoreUnavailable):
        parts.apply()
    assert parts.made == []
    assert parts.hang_up() == ["inventory: not applied: away"]


def test_a_store_that_goes_as_many_boards_are_looked_up_is_one_error() -> None:
    parts = case()
    parts.say(inventory(boards=43))
    looking: list[Deferred[Any]] = [Deferred() for _ in range(3)]
    waiting = iter(looking)
    parts.lab.store.standing = lambda board: next(waiting)  # type: ignore[method-assign]
    applying = Deferred.fromCoroutine(parts.reload.apply())
    for each in looking:
        each.errback(StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        result_of(applying)
    assert parts.made == []


def test_once_lifeguard_stops_nothing_is_changed() -> None:
    parts = case()
    parts.say(inventory(boards=41))
    looking: Deferred[Any] = Deferred()
    parts.lab.store.standing = lambda board: looking  # type: ignore[method-assign]
    applying = Deferred.fromCoroutine(parts.reload.apply())
    parts.reload.stop()
    looking.callback(None)
    with pytest.raises(NotApplied, match="lifeguard is stopping"):
        result_of(applying)
    assert parts.made == []


def test_listeners_hear_of_each_change_and_when_the_last_board_has_left() -> None:
    parts = case()
    heard: list[int] = []
    parts.reload.subscribe(lambda: heard.append(len(parts.lab.fleet.boards)))
    parts.apply()
    assert heard == []
    parts.say(inventory(boards=41))
    parts.apply()
    assert heard == [42]
    parts.lab.request("rq-reboot")
    parts.lab.power.cycles["panda-01"] = cycle = Deferred()
    parts.say(without(inventory(boards=41), "boards", "panda-01"))
    parts.apply()
    cycle.callback(None)
    assert heard == [42, 42, 41]


def test_one_that_is_still_being_let_go_cannot_come_back() -> None:
    parts = case()
    parts.lab.request("rq-reboot")
    parts.lab.power.cycles["panda-01"] = cycle = Deferred()
    parts.say(without(LAB, "boards", "panda-01"))
    parts.apply()
    parts.say(LAB)
    assert parts.plan().boards == [
        Outlook("panda-01", "is still being let go; it can come back after that")
    ]
    with pytest.raises(NotApplied, match="still being let go: panda-01; try again"):
        parts.apply()
    cycle.callback(None)
    parts.apply()
    assert parts.lab.state() == "RebootRebooting"


def test_a_signal_says_what_was_done_in_one_line() -> None:
    parts = case()
    assert parts.hang_up() == ["inventory: nothing is different"]
    parts.say(without(LAB, "boards", "bare"), name="lab-2")
    assert parts.hang_up() == [
        "inventory: boards: 1 removed",
        "lifeguard.toml: changed, and read at the next start only: server",
    ]


def test_a_signal_for_files_with_mistakes_names_them_and_changes_nothing() -> None:
    parts = case()
    mistakes = [
        Mistake("boards.toml", ("boards", name, "mac"), "missing")  # type: ignore[arg-type]
        for name in ("a", "b")
    ]
    parts.files[0] = ConfigurationError(mistakes)
    assert parts.hang_up() == [
        "boards.toml: boards.a.mac: missing",
        "boards.toml: boards.b.mac: missing",
        "inventory: not applied, for these mistakes",
    ]
    assert parts.made == []


def waiting(parts: Case, *reading: Deferred[Configuration]) -> Reload:
    """One whose files are read as a test says."""
    coming = iter(reading)
    return Reload(
        Configuration(inventory=LAB),
        lambda: next(coming),
        parts.lab.fleet,
        parts.power,
        parts.lab.store,
        lambda *new: parts.lab.fleet.take_inventory(*new, print),
    )


def test_one_reload_waits_for_the_other() -> None:
    parts = case()
    reading: list[Deferred[Configuration]] = [Deferred(), Deferred()]
    reload = waiting(parts, *reading)
    first = Deferred.fromCoroutine(reload.apply())
    second = Deferred.fromCoroutine(reload.apply())
    new = Configuration(inventory=replace(LAB, images={}))
    reading[1].callback(new)
    assert not second.called
    reading[0].callback(new)
    assert [len(result_of(each).entries) for each in (first, second)] == [4, 0]


def test_of_many_signals_those_that_come_while_one_waits_read_no_more() -> None:
    parts = case()
    reading: list[Deferred[Configuration]] = [Deferred(), Deferred(), Deferred()]
    reload = waiting(parts, *reading)
    storm = [Deferred.fromCoroutine(reload.hang_up()) for _ in range(9)]
    reading[0].callback(Configuration(inventory=LAB))
    after = Deferred.fromCoroutine(reload.hang_up())
    reading[1].callback(Configuration(inventory=replace(LAB, images={})))
    assert parts.lab.fleet.inventory.images == {}
    reading[2].callback(Configuration(inventory=LAB))
    assert parts.lab.fleet.inventory.images == LAB.images
    assert [result_of(each) for each in (*storm, after)] == [None] * 10
