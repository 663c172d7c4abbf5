"""Boards that a reload would leave without power: said before, and not done unasked."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from lifeguard.inventory.plan import StillOwed
from lifeguard.inventory.reload import NotApplied
from lifeguard.model import Inventory, Outlet, Owed
from lifeguard.power import OwedOutlet
from lifeguard.power.condition import State
from tests.reload_rig import on_rack2, two_racks
from tests.rig import inventory, result_of
from tests.test_inventory_difference import Options, changed, without
from tests.test_inventory_reload import Case, case

LEFT = "is still to be switched on for {}: stays off if lifeguard stops before that"
NEITHER = on_rack2("panda-01", "panda-02")
"""The lab without rack1, whose boards are on rack2 now."""


def owed(rest: str, board: str = "panda-01", relay_board: str = "rack1") -> OwedOutlet:
    """An outlet that has been tried in vain."""
    return OwedOutlet(
        outlet=Outlet(relay_board, rest),
        board=board,
        generation=1,
        tries=3,
        last_error="no answer",
    )


def rig(*debts: OwedOutlet, state: State = "Broken", off: str | None = None) -> Case:
    """Two racks, the first in `state`; one board may be off."""
    parts = case(two_racks())
    parts.power.debts, parts.power.state = list(debts), state
    if off is not None:
        parts.lab.request("rq-power-off", off)
        parts.lab.fleet.about(off).switched_off(1)
    return parts


def planned(parts: Case, new: Inventory) -> list[StillOwed]:
    parts.say(new)
    found: list[StillOwed] = parts.plan().owed
    return found


def test_of_a_relay_board_that_is_removed_each_outlet_is_named() -> None:
    parts = rig(owed("1/1"), owed("1/2", "gone-01"), owed("1/1", relay_board="rack2"))
    assert planned(parts, NEITHER) == [
        StillOwed("rack1/1/1", "panda-01", "rack1", "removed", LEFT.format("panda-01")),
        StillOwed("rack1/1/2", "gone-01", "rack1", "removed", LEFT.format("gone-01")),
    ]


def test_one_that_is_elsewhere_is_tried_there_and_needs_no_yes() -> None:
    parts = rig(owed("1/1"))
    moved = changed(two_racks(), "relay_boards", "rack1", address="192.0.2.9:2101")
    text = "is still to be switched on for panda-01, from now on at 192.0.2.9:2101"
    assert planned(parts, moved) == [
        StillOwed("rack1/1/1", "panda-01", "rack1", "changed", text)
    ]
    assert parts.plan().needs_yes is False


def test_what_changes_nothing_about_the_place_is_not_said() -> None:
    parts = rig(owed("1/1"), owed("9/9", relay_board="long-gone"))
    for key, value in (("off_seconds", 9.0), ("options", Options("http://rack1"))):
        new = changed(two_racks(), "relay_boards", "rack1", **{key: value})
        assert planned(parts, new) == []
    assert planned(parts, without(two_racks(), "relay_boards", "rack2")) == []


@pytest.mark.parametrize("new", [NEITHER, without(NEITHER, "boards", "panda-01")])
def test_of_an_ill_relay_board_that_is_removed_a_board_that_is_off_is_named(
    new: Inventory,
) -> None:
    left = [
        StillOwed("rack1/1/1", "panda-01", "rack1", "removed", LEFT.format("panda-01"))
    ]
    assert planned(rig(off="panda-01"), new) == left
    assert planned(rig(off="panda-01", state="Suspect"), new) == left
    assert planned(rig(off="panda-01", state="Working"), new) == []


def in_hand(state: State) -> Case:
    """One outlet is in the hands of a power cycle."""
    parts = rig(state=state)
    parts.power.cycled = [Owed(Outlet("rack1", "1/1"), "panda-01", 1)]
    return parts


@pytest.mark.parametrize("new", [NEITHER, without(NEITHER, "boards", "panda-01")])
def test_of_an_ill_relay_board_that_is_removed_what_a_cycle_brings_back_is_named(
    new: Inventory,
) -> None:
    left = [
        StillOwed("rack1/1/1", "panda-01", "rack1", "removed", LEFT.format("panda-01"))
    ]
    assert planned(in_hand("Broken"), new) == left
    assert planned(in_hand("Suspect"), new) == left
    assert planned(in_hand("Working"), new) == []


def test_a_cycle_is_not_named_where_its_relay_board_stays() -> None:
    new = without(two_racks(), "relay_boards", "rack2")
    assert planned(in_hand("Broken"), new) == []


def test_a_board_that_is_off_is_not_named_where_its_relay_board_stays() -> None:
    assert planned(rig(off="panda-01"), without(two_racks(), "boards", "bare")) == []


def test_an_outlet_is_given_up_with_a_yes_only() -> None:
    parts = rig(owed("1/1"), owed("1/2", "panda-02"))
    parts.say(NEITHER)
    why = (
        "2 outlets still to be switched on by relay boards that would go: rack1;"
        " `lifeguard inventory apply --yes` does it all the same"
    )
    with pytest.raises(NotApplied) as raised:
        parts.apply()
    assert str(raised.value) == why
    assert parts.hang_up() == [f"inventory: not applied: {why}"]
    assert parts.made == []
    assert len(parts.apply(yes=True).owed) == 2
    assert parts.made == [("panda-01", "panda-02")]


def test_once_they_are_on_nobody_is_asked() -> None:
    parts = rig(owed("1/1"))
    parts.say(NEITHER)
    digest = parts.plan().digest
    parts.power.debts.clear()
    assert parts.apply(digest).owed == []


def test_what_speaks_against_it_is_said_at_once() -> None:
    parts = case(changed(inventory(boards=9), "boards", "panda-09", power=()))
    parts.power.debts = [owed("1/1")]
    parts.say(Inventory())
    with pytest.raises(NotApplied) as raised:
        parts.apply()
    assert str(raised.value) == (
        "10 of 10 boards would be removed or another, 5 may be, and 1 outlet still to"
        " be switched on by relay boards that would go: rack1;"
        " `lifeguard inventory apply --yes` does it all the same"
    )


def test_what_came_to_be_owed_since_the_plan_is_not_given_up_unseen() -> None:
    parts = rig()
    assert planned(parts, NEITHER) == []
    digest = parts.plan().digest
    parts.power.debts.append(owed("1/1"))
    with pytest.raises(NotApplied, match="have changed since that plan"):
        parts.apply(digest, yes=True)
    assert parts.made == []
    parts.apply(parts.plan().digest, yes=True)
    assert parts.made == [("panda-01", "panda-02")]


def test_what_comes_to_be_owed_while_the_store_is_asked_is_not_given_up_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts, saved = rig(), Deferred[None]()
    parts.say(NEITHER)
    monkeypatch.setattr(parts.lab.store, "save_time", lambda: saved)
    applying = Deferred.fromCoroutine(parts.reload.apply())
    parts.power.debts.append(owed("1/1"))
    saved.callback(None)
    with pytest.raises(NotApplied, match="1 outlet still to be switched on"):
        result_of(applying)
    assert parts.made == []
