"""A board that nobody wants: off by request, by policy, and on again when wanted."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from lifeguard.event import Impossible, NotAccepted, NotYet
from lifeguard.lifecycle import Boots, LifecycleError, Wants
from lifeguard.lifecycle.standard import LIFECYCLE, PoweringOff, Ready
from lifeguard.model import Inventory, Outlet, Owed, Saved, Standing
from tests.rig import EPOCH, Rig, inventory, reimaged, result_of, rig

A = Outlet("rack1", "1/1")


def switched_off() -> Rig:
    """A board in Off, by request."""
    parts = rig()
    parts.request("rq-power-off")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.fleet.about("panda-01").switched_off(1)
    parts.forget()
    return parts


def idle_lab(seconds: float = 600.0) -> Inventory:
    lab = inventory()
    boards = {
        name: replace(board, idle_off=seconds) if board.power else board
        for name, board in lab.boards.items()
    }
    return replace(lab, boards=boards)


def stands(state: str, owed: tuple[Owed, ...] = (), **fields: Any) -> Saved:
    standing = Standing(board="panda-01", state=state, since=EPOCH, version=1, **fields)
    standings = {"panda-01": standing}
    return Saved(service_seconds=1000.0, standings=standings, owed=owed)


def test_a_board_is_switched_off_by_request() -> None:
    parts = rig()
    parts.forget()
    parts.request("rq-power-off")
    result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.fleet.about("panda-01").switched_off(1)
    assert parts.said == [
        ("commit", "panda-01", "rq-power-off", "PoweringOff"),
        ("switch off now", "panda-01", 1, "rack1/1/1"),
        ("commit", "panda-01", "power-cycle-started", "PoweringOff"),
        ("commit", "panda-01", "power-off-ok", "Off"),
        ("keep off", "panda-01", 1, "rack1/1/1"),
    ]
    assert parts.board().standing.deadline is None


def test_the_change_that_orders_the_off_has_the_power_owed() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert parts.store.owed == {A: Owed(A, "panda-01", 1)}
    parts.request("rq-power-off")
    result_of(parts.fleet.outlet_is_on(Owed(A, "panda-01", 1)))  # it came too late
    assert parts.store.owed == {A: Owed(A, "panda-01", 2)}


@pytest.mark.parametrize("request_", ["rq-power-on", "rq-reboot", "rq-maintenance"])
def test_a_request_cycles_a_board_that_is_off_and_owes_it_its_power(
    request_: str,
) -> None:
    parts = switched_off()
    parts.request(request_)
    assert parts.said[1:] == [("cycle", "panda-01", 2, "rack1/1/1")]
    assert parts.store.owed == {A: Owed(A, "panda-01", 2)}


def test_a_board_that_is_being_switched_off_may_be_wanted_again() -> None:
    parts = rig()
    parts.request("rq-power-off")
    parts.request("rq-power-on")
    assert parts.state() == "RebootRebooting"


def test_a_board_that_has_power_cannot_be_switched_on() -> None:
    parts = rig()
    with pytest.raises(NotAccepted, match="rq-power-on is not accepted in New") as no:
        parts.request("rq-power-on")
    assert "rq-power-off" in no.value.accepted


def test_a_board_without_an_outlet_cannot_be_switched_off() -> None:
    parts = rig()
    with pytest.raises(Impossible, match="no power outlet"):
        parts.request("rq-power-off", "bare")
    with pytest.raises(Impossible, match="no power outlet"):
        result_of(parts.fleet.change("bare", "New", "Off", "operator"))


@pytest.mark.parametrize("target", ["LockedOut", "Ready", "Troubleshooting"])
def test_a_board_that_leaves_off_by_hand_is_given_its_power(target: str) -> None:
    parts = switched_off()
    result_of(parts.fleet.change("panda-01", "Off", target, "operator"))
    assert ("switch on", "panda-01", 1, "rack1/1/1") in parts.said
    assert parts.store.owed == {A: Owed(A, "panda-01", 1)}


def test_a_board_put_into_off_by_hand_is_kept_off() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.forget()
    result_of(parts.fleet.change("panda-01", "RebootRebooting", "Off", "operator"))
    assert parts.said[1:] == [("keep off", "panda-01", 2, "rack1/1/1")]
    assert parts.store.owed == {A: Owed(A, "panda-01", 2)}


def test_an_off_that_fails_again_and_again_gives_up_with_the_power_on() -> None:
    lifecycle = LIFECYCLE.with_figures({"PoweringOff": {"attempts": 1}})
    parts = rig(inventory(lifecycle))
    parts.request("rq-power-off")
    for generation in (1, 2):
        result_of(parts.fleet.about("panda-01").cycle_started(generation))
        parts.fleet.about("panda-01").cycle_ended(generation, "stuck")
        parts.clock.advance(60)
        parts.clock.advance(0)
    assert parts.state() == "FailedPoweringOff"
    assert parts.said[-1] == ("switch on", "panda-01", 2, "rack1/1/1")
    assert parts.store.owed == {A: Owed(A, "panda-01", 2)}


def test_an_off_waits_for_an_ill_relay_board_within_its_patience() -> None:
    parts = rig()
    parts.request("rq-power-off")
    parts.fleet.about("panda-01").cycle_held(1, "rack1 is broken", 10_000)
    assert parts.board().standing.deadline == 10_000
    parts.clock.advance(10_000)
    parts.clock.advance(0)
    assert parts.state() == "FailedPoweringOff"
    assert parts.store.rows[-1].reason == "waited 10000 s for rack1: given up"


def test_an_off_that_fails_says_something_of_the_power_and_not_of_the_image() -> None:
    parts = reimaged(rig())
    parts.request("rq-power-off")
    result_of(parts.fleet.about("panda-01").cycle_started(2))
    parts.fleet.about("panda-01").cycle_ended(2, "stuck")
    parts.clock.advance(60)
    parts.clock.advance(0)
    failed = parts.store.evidences[-1]
    assert (failed.state, failed.verdict, failed.about) == (
        "PoweringOff",
        "failed",
        "power",
    )


def test_a_board_that_is_being_switched_off_is_not_asked_to_come_again() -> None:
    parts = rig()
    parts.request("rq-power-off")
    with pytest.raises(NotAccepted, match="image-running is not accepted in Powering"):
        parts.happens("image-running")
    parts.request("rq-power-on")
    with pytest.raises(NotYet):
        parts.happens("image-running")


def test_a_broken_relay_board_has_the_off_ordered_again() -> None:
    parts = rig()
    parts.request("rq-power-off")
    parts.fleet.about("panda-01").cycle_void(1, "dead", 10_000)
    assert parts.said[-1] == ("switch off", "panda-01", 2, "rack1/1/1")
    assert parts.board().standing.strikes == {}


def test_after_a_start_an_off_is_ordered_again() -> None:
    parts = rig(saved=stands("PoweringOff", stay=1, generation=1, deadline=1060.0))
    assert parts.said == [
        ("owe",),
        ("commit", "panda-01", "resume", "PoweringOff"),
        ("switch off", "panda-01", 2, "rack1/1/1"),
    ]


def test_after_a_start_what_was_off_is_kept_off() -> None:
    saved = stands("Off", (Owed(A, "panda-01", 1),), stay=2, generation=1)
    parts = rig(saved=saved)
    assert parts.said == [("owe",), ("keep off", "panda-01", 1, "rack1/1/1")]
    parts.clock.advance(100_000)
    assert parts.state() == "Off"


@pytest.mark.parametrize("state", ["PoweringOff", "Off"])
def test_after_a_start_a_board_that_is_gone_or_moved_gets_its_old_outlet_back(
    state: str,
) -> None:
    old = Outlet("rack1", "4/4")
    for board in ("panda-01", "gone"):
        marks = (Owed(old, board, 1), Owed(A, "panda-01", 1))
        parts = rig(saved=stands(state, marks, stay=2, generation=1, deadline=1060.0))
        assert parts.said[0] == ("owe", "rack1/4/4")


def test_a_board_that_is_off_at_another_outlet_now_is_owed_that_before_it_is_off() -> (
    None
):
    old = Outlet("rack1", "4/4")
    saved = stands("Off", (Owed(old, "panda-01", 1),), stay=2, generation=1)
    parts = rig(saved=saved)
    assert parts.said == [
        ("owe", "rack1/4/4"),
        ("commit", "panda-01", "rq-power-off", "PoweringOff"),
        ("switch off", "panda-01", 2, "rack1/1/1"),
    ]
    assert parts.store.owed == {A: Owed(A, "panda-01", 2)}


def test_a_board_that_nobody_has_wanted_is_switched_off() -> None:
    saved = stands("Ready", stay=1, entered=900.0, deadline=1200.0)
    parts = rig(idle_lab(), saved)
    parts.clock.advance(499)
    parts.clock.advance(0)
    assert parts.state() == "Ready"
    parts.clock.advance(1)
    parts.clock.advance(0)
    assert parts.state() == "PoweringOff"
    assert parts.said[-1] == ("switch off", "panda-01", 1, "rack1/1/1")
    row = parts.store.rows[-1]
    assert (row.event, row.source, row.reason) == (
        "rq-power-off",
        "policy",
        "nobody has wanted it for 600 s",
    )


def test_policy_is_no_request_of_a_person() -> None:
    parts = rig(idle_lab(), stands("Ready", stay=1, entered=900.0, deadline=1200.0))
    parts.clock.advance(499)
    parts.clock.advance(1)
    parts.clock.advance(0)
    assert parts.state() == "PoweringOff"
    assert parts.board().standing.request is None
    assert not parts.request("rq-power-off").repeat
    assert parts.request("rq-power-off").repeat


def test_policy_forgets_no_strikes() -> None:
    parts = rig(idle_lab(), stands("Ready", stay=1, entered=900.0, deadline=1200.0))
    parts.poller.watches["panda-01"].failed("no answer")
    strikes = parts.board().standing.strikes
    parts.cycled()
    parts.happens("image-running")
    parts.clock.advance(600)
    parts.clock.advance(1)
    assert parts.state() == "PoweringOff"
    assert parts.board().standing.strikes == strikes != {}


def test_a_board_that_was_wanted_in_time_stays_on() -> None:
    parts = rig(idle_lab(), stands("Ready", stay=1, entered=900.0, deadline=1200.0))
    parts.clock.advance(499)
    parts.request("rq-maintenance")
    parts.clock.advance(100)
    assert parts.state() == "MaintenanceRebooting"


def test_time_without_a_store_does_not_make_a_board_idle() -> None:
    parts = rig(idle_lab(), stands("Ready", stay=1, entered=900.0, deadline=1200.0))
    parts.store.leave()
    parts.clock.advance(10_000)
    parts.store.come_back()
    parts.clock.advance(499)
    assert parts.state() == "Ready"
    parts.clock.advance(1)
    parts.clock.advance(0)
    assert parts.state() == "PoweringOff"


def test_to_switch_off_what_is_off_is_a_repeat() -> None:
    parts = switched_off()
    answer = parts.request("rq-power-off")
    assert (answer.state, answer.generation, answer.repeat) == ("Off", 1, True)
    assert (parts.said, parts.store.rows[-1].outcome) == ([], "repeat")


def test_a_board_that_was_found_on_says_so_in_its_history() -> None:
    parts = switched_off()
    parts.fleet.about("panda-01").found_on(A)
    parts.fleet.about("gone").found_on(A)
    row = parts.store.rows[-1]
    assert (row.event, row.source, row.outcome) == ("power-found-on", "power", "noted")
    assert row.reason == "rack1/1/1 was on, and is switched off again"
    assert (parts.state(), parts.said) == ("Off", [])


def test_a_lifecycle_cannot_cut_power_without_a_way_on() -> None:
    endless = type("PoweringOff", (PoweringOff,), {"on": {"power-off-ok": None}})
    with pytest.raises(LifecycleError, match="power-off-ok must lead on"):
        LIFECYCLE.replace(endless)


def test_an_idle_board_must_be_able_to_go_off() -> None:
    with pytest.raises(LifecycleError, match="it must take rq-power-off"):
        LIFECYCLE.replace(type("Ready", (Ready,), {"on": {"rq-power-off": None}}))


def test_a_state_cannot_both_cycle_and_cut_power() -> None:
    def entry(self: PoweringOff, board: Wants) -> None:
        board.cycle_power()
        board.power_off()

    with pytest.raises(LifecycleError, match="cycle_power and power_off contradict"):
        LIFECYCLE.replace(type("PoweringOff", (PoweringOff,), {"entry": entry}))


def test_what_is_off_boots_its_disk_and_is_not_polled() -> None:
    for state in ("PoweringOff", "Off"):
        assert LIFECYCLE[state].boots is Boots.DISK
        assert not LIFECYCLE.wants(state, "poll")
