"""One board: what an event does, in which order, and what is left of it later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail
from twisted.logger import LogEvent

from lifeguard.draft import Draft
from lifeguard.event import (
    Event,
    Impossible,
    NotAccepted,
    NotYet,
    Stale,
    UnknownEvent,
)
from lifeguard.lifecycle import Wants, standard
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Outlet, Owed, Saved, Standing, Strikes
from lifeguard.netboot.progress import Progress
from lifeguard.store import StoreError, StoreUnavailable
from tests.rig import EPOCH, FakeStore, Rig, inventory, reimaged, result_of, rig


def seen(parts: Rig, *events: str, generation: int = 1) -> None:
    """The board fetches what these events say, one after the other."""
    progress = Progress(generation, "debian", ("kernel", "initrd"))
    for event in events:
        progress = progress.after(event, EPOCH)
        parts.fleet.saw("panda-01", event, progress)


# The way of an event.


def test_a_reimage_goes_from_new_to_ready_each_step_saved_before_it_is_done() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    for event in ("installer-running", "install-ok", "image-running"):
        parts.happens(event)
    assert parts.said == [
        ("owe",),
        ("commit", "panda-01", "rq-reimage", "ReimageRebooting"),
        ("cycle", "panda-01", 1, "rack1/1/1"),
        ("commit", "panda-01", "power-cycle-started", "ReimageRebooting"),
        ("commit", "panda-01", "power-cycle-ok", "ReimageBooting"),
        ("commit", "panda-01", "installer-running", "ReimageInstalling"),
        ("commit", "panda-01", "install-ok", "ReimageComplete"),
        ("commit", "panda-01", "image-running", "Ready"),
        ("poll", "panda-01", "192.0.2.1", "tcp:22"),
    ]
    standing = parts.board().standing
    assert (standing.image, standing.wanted_image) == ("debian", "debian")
    assert parts.store.saved["panda-01"] == standing


def test_no_effect_and_no_answer_before_the_commit() -> None:
    parts = rig()
    parts.forget()
    parts.store.holds = True
    answer = parts.fleet.request("panda-01", "rq-reboot", {}, "operator")
    assert parts.said == []
    assert not answer.called
    assert parts.state() == "New"
    parts.store.held.pop()()
    assert parts.said[-1] == ("cycle", "panda-01", 1, "rack1/1/1")
    assert result_of(answer).state == "RebootRebooting"


def test_events_wait_for_the_one_before_them() -> None:
    parts = reimaged(rig())
    parts.store.holds = True
    first = parts.fleet.request("panda-01", "rq-reboot", {}, "a")
    second = parts.fleet.request("panda-01", "rq-maintenance", {}, "b")
    assert len(parts.store.held) == 1
    parts.store.held.pop()()
    assert first.called
    assert not second.called
    parts.store.held.pop()()
    assert [result_of(each).state for each in (first, second)] == [
        "RebootRebooting",
        "MaintenanceRebooting",
    ]


def test_boards_do_not_wait_for_each_other() -> None:
    parts = rig()
    parts.store.holds = True
    parts.fleet.request("panda-01", "rq-reboot", {}, "a")
    other = parts.fleet.request("panda-02", "rq-reboot", {}, "a")
    parts.store.held.pop()()
    assert result_of(other).board == "panda-02"


# Timeouts and strikes.


def test_a_dead_image_is_retried_exactly_as_often_as_declared() -> None:
    figures = {"RebootComplete": {"timeout": 9, "attempts": 2}}
    parts = rig(inventory(LIFECYCLE.with_figures(figures)))
    parts.request("rq-reboot")
    for _ in range(3):
        parts.cycled()
        parts.clock.advance(9)
    assert parts.state() == "FailedRebootComplete"
    assert [row.reason for row in parts.store.rows if row.event == "timeout"] == [
        "strike 1, 2 allowed",
        "strike 2, 2 allowed",
        "strike 3, 2 allowed: given up",
    ]
    assert parts.board().standing.strikes == {"RebootComplete": Strikes(3, 27.0)}
    parts.clock.advance(10_000)
    assert parts.state() == "FailedRebootComplete"
    assert parts.state("panda-02") == "New"


def test_the_clock_of_a_power_cycle_starts_with_its_turn() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.clock.advance(1700)
    assert parts.board().standing.strikes == {}
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.clock.advance(59)
    assert parts.board().standing.strikes == {}
    parts.clock.advance(1)
    assert parts.board().standing.strikes["RebootRebooting"].count == 1
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")


def test_waiting_for_a_relay_board_has_an_end_and_is_no_strike() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.clock.advance(1800)
    assert parts.state() == "FailedRebootRebooting"
    assert parts.board().standing.strikes == {}
    assert parts.store.rows[-1].reason == "waited 1800 s for rack1: given up"


# A relay board that is ill.


ILL = "rack1 is suspect: no answer"
PATIENCE = 86400.0


def held(generation: int = 1, patience: float = PATIENCE) -> Rig:
    parts = rig()
    parts.request("rq-reboot")
    parts.fleet.cycle_held("panda-01", generation, ILL, patience)
    return parts


def test_a_held_cycle_is_no_strike_however_long_it_waits() -> None:
    parts = held()
    parts.clock.advance(80_000)
    standing = parts.board().standing
    assert (standing.state, standing.strikes) == ("RebootRebooting", {})
    assert result_of(parts.fleet.cycle_started("panda-01", 1)) is True
    assert parts.board().standing.deadline == 80_060


def test_the_time_of_a_cycle_that_had_begun_stands_still_while_it_is_held() -> None:
    parts = rig()
    parts.request("rq-reboot")
    result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.clock.advance(50)
    parts.fleet.cycle_held("panda-01", 1, ILL, PATIENCE)
    parts.clock.advance(1000)
    parts.fleet.cycle_goes_on("panda-01", 1)
    parts.clock.advance(59)
    assert parts.board().standing.strikes == {}
    parts.clock.advance(1)
    assert parts.board().standing.strikes == {"RebootRebooting": Strikes(1, 1110.0)}


def test_patience_has_an_end_that_names_the_relay_board() -> None:
    parts = held()
    parts.clock.advance(PATIENCE)
    standing = parts.board().standing
    assert (standing.state, standing.strikes) == ("FailedRebootRebooting", {})
    assert parts.store.rows[-1].reason == "waited 86400 s for rack1: given up"


def test_a_void_cycle_is_ordered_again_and_is_no_strike() -> None:
    parts = rig()
    parts.request("rq-reboot")
    result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.forget()
    parts.fleet.cycle_void("panda-01", 1, ILL, PATIENCE)
    assert parts.said == [
        ("commit", "panda-01", "power-cycle-void", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack1/1/1"),
    ]
    standing = parts.board().standing
    assert (standing.strikes, standing.deadline) == ({}, 1800)
    assert [owed.generation for owed in parts.store.owed.values()] == [2]


def test_cycles_that_are_void_again_and_again_end_with_patience() -> None:
    parts = rig()
    parts.request("rq-reboot")
    for generation in range(1, 12):
        parts.clock.advance(1000)
        result_of(parts.fleet.cycle_started("panda-01", generation))
        parts.fleet.cycle_void("panda-01", generation, ILL, 10_000)
        if parts.board().standing.state != "RebootRebooting":
            break
        parts.clock.advance(0)
    assert (generation, parts.state()) == (10, "FailedRebootRebooting")
    reasons = [row.reason for row in parts.store.rows]
    assert "waited 10000 s for rack1: given up" in reasons


def test_a_held_cycle_of_an_older_generation_holds_nothing() -> None:
    parts = held(generation=7)
    assert parts.board().standing.deadline == 1800


def test_a_held_cycle_is_taken_up_after_a_restart_and_its_patience_goes_on() -> None:
    parts = held()
    parts.clock.advance(5000)
    again = rig(saved=Saved(service_seconds=5000, standings=parts.store.saved))
    standing = again.board().standing
    assert (standing.generation, standing.entered) == (2, 0.0)
    again.fleet.cycle_held("panda-01", 2, ILL, PATIENCE)
    assert again.board().standing.deadline == PATIENCE


def test_a_failed_cycle_waits_for_the_timeout_and_is_one_strike() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.fleet.cycle_ended("panda-01", 1, "rack1 does not answer")
    assert parts.state() == "RebootRebooting"
    parts.clock.advance(60)
    assert parts.board().standing.strikes["RebootRebooting"].count == 1
    assert parts.board().standing.generation == 2


def test_install_progress_extends_up_to_the_total() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    for _ in range(4):
        parts.clock.advance(800)
        parts.happens("install-progress")
    assert parts.board().standing.deadline == 3600
    parts.clock.advance(400)
    assert parts.state() == "ReimageRebooting"


def test_a_second_boot_while_installing_is_a_strike_without_a_power_cycle() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched")
    parts.happens("installer-running")
    assert parts.happens("installer-running").repeat
    seen(parts, "boot-config-fetched")
    generation = parts.board().standing.generation
    parts.clock.advance(100)
    assert not parts.happens("installer-running").repeat
    standing = parts.board().standing
    assert (standing.state, standing.generation) == ("ReimageInstalling", generation)
    assert standing.strikes["ReimageInstalling"].count == 1
    assert standing.entered == 100
    assert parts.happens("installer-running").repeat


def test_a_timeout_that_was_overtaken_moves_nothing() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.store.holds = True
    parts.board().deliver(
        Event(name="installer-running", source="test", by="board", generation=1)
    )
    parts.clock.advance(180)  # the timeout waits behind the event
    parts.store.holds = False
    parts.store.held.pop()()
    assert parts.state() == "ReimageInstalling"
    assert parts.board().standing.strikes == {}


# Ready.


def test_ready_clears_strikes_and_renews_without_writing() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.cycled()
    parts.clock.advance(600)
    assert parts.board().standing.strikes["RebootComplete"].count == 1
    parts.cycled()
    parts.happens("image-running")
    assert parts.board().standing.strikes == {}
    parts.forget()
    parts.clock.pump([300] * 10)
    assert parts.said == []
    assert parts.board().standing.deadline == 600 + 3000 + 300


def test_a_failed_poll_reboots_and_the_eleventh_in_a_day_gives_up() -> None:
    parts = reimaged(rig())
    for _ in range(10):
        parts.poller.watches["panda-01"].failed("tcp:22 does not answer")
        parts.cycled()
        parts.happens("image-running")
        assert parts.state() == "Ready"
    parts.poller.watches["panda-01"].failed("tcp:22 does not answer")
    assert parts.state() == "FailedFlapping"
    assert parts.board().standing.strikes["Ready"].count == 11


def test_failed_polls_are_forgotten_after_a_day_without_one() -> None:
    parts = reimaged(rig())
    for _ in range(30):
        parts.poller.watches["panda-01"].failed("tcp:22 does not answer")
        parts.cycled()
        parts.happens("image-running")
        parts.clock.advance(86_401)
    assert parts.state() == "Ready"
    assert parts.board().standing.strikes["Ready"].count == 1


def test_leaving_ready_stops_its_polls_and_a_late_answer_is_stale() -> None:
    parts = reimaged(rig())
    late = parts.poller.watches["panda-01"].failed
    parts.request("rq-maintenance")
    assert ("stop polling", "panda-01") in parts.said
    late("tcp:22 does not answer")
    assert parts.state() == "MaintenanceRebooting"
    assert (parts.store.rows[-1].event, parts.store.rows[-1].outcome) == (
        "poll-failed",
        "stale",
    )


# Requests, generations, refusals.


def test_a_request_supersedes_what_runs_and_clears_strikes() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.clock.advance(180)
    assert parts.board().standing.strikes
    parts.request("rq-reboot")
    standing = parts.board().standing
    assert (standing.state, standing.strikes) == ("RebootRebooting", {})


def test_the_same_request_again_is_a_repeat_until_its_first_state_is_left() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    assert parts.request("rq-reimage", image="debian").repeat
    assert parts.board().standing.generation == 1
    body = {"image": "debian", "boot_config": {"a": 1}}
    assert not parts.request("rq-reimage", **body).repeat
    parts.cycled()
    assert not parts.request("rq-reimage", **body).repeat


def test_a_late_event_of_an_older_boot_is_stale() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.cycled()
    parts.request("rq-reboot")
    parts.cycled()
    with pytest.raises(Stale, match="generation 1, the board is in generation 2"):
        parts.happens("image-running", generation=1)
    assert parts.state() == "RebootComplete"
    row = parts.store.rows[-1]
    assert (row.outcome, row.generation) == ("stale", 1)


def test_an_answer_of_an_older_power_cycle_moves_nothing() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.request("rq-maintenance")
    assert not result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.fleet.cycle_ended("panda-01", 1, None)
    assert parts.state() == "MaintenanceRebooting"
    assert parts.store.rows[-1].outcome == "stale"


def test_an_event_during_the_power_cycle_may_come_again_at_once() -> None:
    parts = rig()
    parts.request("rq-reboot")
    with pytest.raises(NotYet):
        parts.happens("image-running")


def test_an_event_that_is_not_accepted_names_those_that_are() -> None:
    parts = rig()
    with pytest.raises(NotAccepted) as caught:
        parts.happens("install-ok")
    assert caught.value.accepted == [
        "rq-maintenance",
        "rq-power-off",
        "rq-reboot",
        "rq-reimage",
        "rq-self-test",
    ]


def test_an_event_nobody_knows_is_named_and_so_is_an_internal_one() -> None:
    parts = rig()
    internal = ("power-cycle-ok", "timeout", "resume", "set-state")
    for event in ("image-runing", *internal, "rq-reboot"):
        with pytest.raises(UnknownEvent):
            parts.happens(event)
    for event in ("image-running", *internal):
        with pytest.raises(UnknownEvent):
            parts.request(event)
    assert {row.event for row in parts.store.rows} == {"unknown-event", "set-state"}
    assert parts.said == [("owe",)]


def test_an_accepted_event_is_a_repeat_only_in_its_generation() -> None:
    parts = reimaged(rig())
    assert parts.happens("image-running").repeat
    assert parts.happens("install-ok").repeat
    parts.request("rq-maintenance")
    parts.cycled()
    with pytest.raises(NotAccepted):
        parts.happens("image-running")


# A person's hand.


def test_a_conditional_change_enters_as_a_transition_does() -> None:
    parts = rig()
    answer = result_of(
        parts.fleet.change("panda-01", "New", "RebootRebooting", "operator")
    )
    assert answer.state == "RebootRebooting"
    assert parts.said[-1] == ("cycle", "panda-01", 1, "rack1/1/1")


def test_a_conditional_change_is_refused_from_another_state() -> None:
    parts = rig()
    with pytest.raises(NotAccepted, match="the board is in New, not in Ready"):
        result_of(parts.fleet.change("panda-01", "Ready", "LockedOut", "operator"))
    with pytest.raises(UnknownEvent, match="no such state: Locked"):
        result_of(parts.fleet.change("panda-01", "New", "Locked", "operator"))


def test_a_conditional_change_clears_strikes() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.cycled()
    parts.clock.advance(600)
    assert parts.board().standing.strikes
    result_of(parts.fleet.change("panda-01", parts.state(), "New", "operator"))
    assert parts.board().standing.strikes == {}


def test_a_conditional_change_to_what_cannot_be_had_is_refused() -> None:
    parts = rig()
    for board, state, text in (
        ("panda-01", "ReimageRebooting", "no image is wanted"),
        ("bare", "RebootRebooting", "no power outlet"),
    ):
        with pytest.raises(Impossible, match=text):
            result_of(parts.fleet.change(board, "New", state, "operator"))
    assert parts.said == [("owe",)]


def test_the_state_is_judged_before_what_a_request_names() -> None:
    parts = rig()
    result_of(parts.fleet.change("panda-01", "New", "LockedOut", "operator"))
    with pytest.raises(NotAccepted):
        parts.request("rq-reimage", image="no such image")


def test_a_request_that_python_only_takes_for_the_same_is_another_one() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian", boot_config={"a": 1})
    assert not parts.request(
        "rq-reimage", image="debian", boot_config={"a": True}
    ).repeat
    assert parts.board().standing.boot_config == {"a": True}


def test_locked_out_takes_no_request_and_a_cycle_under_way_moves_nothing() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    result_of(
        parts.fleet.change("panda-01", "RebootRebooting", "LockedOut", "operator")
    )
    parts.fleet.cycle_ended("panda-01", 1, None)
    assert parts.state() == "LockedOut"
    with pytest.raises(NotAccepted):
        parts.request("rq-reboot")


def test_a_state_unknown_to_the_lifecycle_is_left_alone(
    logged_failures: list[LogEvent],
) -> None:
    saved = Saved(
        standings={
            "panda-01": Standing(
                board="panda-01", state="Gone", since=EPOCH, version=1, deadline=5
            )
        }
    )
    parts = rig(saved=saved)
    logged_failures.clear()
    parts.clock.advance(100)
    assert parts.said == [("owe",)]
    with pytest.raises(NotAccepted):
        parts.request("rq-reboot")
    result_of(parts.fleet.change("panda-01", "Gone", "New", "operator"))
    assert parts.state() == "New"


# The store.


def test_an_absent_store_acknowledges_nothing_and_begins_nothing() -> None:
    parts = reimaged(rig())
    parts.store.leave()
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    assert parts.said == []
    assert parts.state() == "Ready"
    parts.store.come_back()
    parts.request("rq-reboot")
    assert parts.state() == "RebootRebooting"


def test_own_events_are_kept_until_the_store_is_back() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.store.leave()
    parts.fleet.cycle_ended("panda-01", 1, None)
    parts.clock.advance(30)
    assert parts.state() == "RebootRebooting"
    parts.store.come_back()
    assert parts.state() == "RebootComplete"


def test_no_power_cycle_begins_without_a_store_and_it_is_ordered_anew_after() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.store.leave()
    assert not result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.clock.pump([1.0] * 30)
    assert parts.said[-1] == ("cycle", "panda-01", 1, "rack1/1/1")
    parts.store.come_back()
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")
    parts.cycled()
    assert (parts.state(), parts.board().standing.strikes) == ("RebootComplete", {})


def test_an_outage_is_not_charged_to_a_board() -> None:
    parts = reimaged(rig())
    parts.request("rq-reboot")
    parts.cycled()
    parts.clock.advance(590)
    parts.store.leave()
    assert parts.poller.paused
    parts.clock.pump([1.0] * 700)
    ours = [call for call in parts.clock.getDelayedCalls() if call.active()]
    assert len(ours) == 1  # the saver of service seconds: no board waits by a timer
    parts.store.come_back()
    assert not parts.poller.paused
    parts.clock.advance(9.5)
    assert parts.state() == "RebootComplete"
    parts.clock.advance(0.5)
    assert parts.state() == "RebootRebooting"
    assert parts.board().standing.strikes["RebootComplete"].count == 1


def test_a_deadline_that_the_outage_met_comes_after_what_was_told_in_it() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.store.holds = True
    parts.clock.advance(60)  # the timeout's change is under way
    parts.store.leave()
    parts.store.held.clear()
    parts.store.waiting.pop().errback(StoreUnavailable("away"))
    parts.fleet.cycle_ended("panda-01", 1, None)
    parts.store.holds = False
    parts.store.come_back()
    assert parts.events()[-1] == "power-cycle-ok"
    assert (parts.state(), parts.board().standing.strikes) == ("RebootComplete", {})


def test_own_events_keep_their_order_over_an_outage() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.store.leave()
    parts.clock.advance(59.5)
    parts.fleet.cycle_ended("panda-01", 1, None)
    parts.clock.pump([0.5] * 30)
    parts.store.come_back()
    parts.clock.pump([0.5] * 60)
    assert parts.state() == "RebootComplete"
    assert parts.board().standing.strikes == {}


def test_while_the_store_is_away_callers_are_told_so_at_once() -> None:
    parts = rig()
    parts.store.holds = True
    first = parts.fleet.request("panda-01", "rq-reboot", {}, "a")
    second = parts.fleet.request("panda-01", "rq-maintenance", {}, "b")
    parts.store.held.clear()
    parts.store.waiting.pop().errback(StoreUnavailable("away"))
    parts.store.leave()
    third = parts.fleet.request("panda-01", "rq-self-test", {}, "c")
    for answer in (first, second, third):
        with pytest.raises(StoreUnavailable):
            result_of(answer)


def test_a_commit_whose_answer_was_lost_is_looked_up_not_repeated() -> None:
    parts = reimaged(rig())
    parts.store.loses_answers = True
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    parts.store.loses_answers = False
    parts.clock.advance(1)
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")
    assert parts.request("rq-reboot").repeat
    assert parts.board().standing.generation == 2


def test_a_change_of_somebody_else_is_not_taken_for_ones_own() -> None:
    parts = reimaged(rig())
    theirs = replace(parts.board().standing, state="LockedOut", deadline=None)
    theirs = replace(theirs, version=theirs.version + 1, stay=theirs.stay + 1)
    parts.store.saved["panda-01"] = theirs
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    parts.clock.advance(1)
    assert parts.board().standing == theirs
    assert parts.said == [("stop polling", "panda-01")]


def test_an_own_event_that_was_saved_unheard_is_not_taken_twice() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.store.loses_answers = True
    parts.fleet.cycle_ended("panda-01", 1, "no answer")
    parts.store.loses_answers = False
    parts.clock.advance(1)
    assert parts.events().count("power-cycle-failed") == 1


def test_an_own_event_that_was_not_saved_is_taken_again() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.store.leave()
    parts.store.come_back()
    parts.store.away = True
    parts.fleet.cycle_ended("panda-01", 1, "no answer")
    parts.store.away = False
    parts.clock.advance(1)
    assert parts.events().count("power-cycle-failed") == 1


def test_what_the_store_refuses_does_not_block_a_board(
    logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    with monkeypatch.context() as patched:
        patched.setattr(
            parts.store, "commit", lambda change: fail(StoreError("cannot be stored"))
        )
        parts.fleet.cycle_ended("panda-01", 1, "no\0answer")
    assert len(logged_failures) == 1
    logged_failures.clear()
    parts.clock.advance(60)  # the state's timeout takes care of it
    assert parts.board().standing.strikes["RebootRebooting"].count == 1
    parts.request("rq-maintenance")
    assert parts.state() == "MaintenanceRebooting"


def test_a_board_whose_row_is_gone_begins_anew(
    logged_failures: list[LogEvent],
) -> None:
    parts = reimaged(rig())
    del parts.store.saved["panda-01"]
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    logged_failures.clear()
    parts.clock.advance(1)
    assert parts.state() == "New"
    logged_failures.clear()
    parts.request("rq-reboot")
    assert parts.state() == "RebootRebooting"


def test_a_board_that_is_looked_up_again_and_again_has_one_timer() -> None:
    parts = rig()
    parts.store.away = True  # and nobody says so
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    parts.store.leave()
    parts.store.come_back()
    parts.store.away = True
    parts.clock.pump([1.0] * 5)
    parts.fleet.stopService()
    assert parts.clock.getDelayedCalls() == []


# After a kill -9.


def again(parts: Rig, service_seconds: float, owed: tuple[Owed, ...] = ()) -> Rig:
    """The same store under a lifeguard that has been started anew."""
    for call in parts.clock.getDelayedCalls():
        call.cancel()
    saved = Saved(
        service_seconds=service_seconds, standings=dict(parts.store.saved), owed=owed
    )
    parts.store.said.clear()
    return rig(saved=saved, store=parts.store)


def test_a_board_goes_on_with_what_is_left_of_its_deadline() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.clock.advance(100)
    parts = again(parts, service_seconds=95)
    parts.clock.advance(84)
    assert parts.state() == "ReimageBooting"
    parts.clock.advance(1)
    assert parts.state() == "ReimageRebooting"


def test_polls_are_taken_up_again_and_owed_outlets_come_first() -> None:
    parts = reimaged(rig())
    owed = Owed(Outlet("rack1", "1/7"), "gone", 3)
    parts = again(parts, 10, (owed,))
    assert parts.said == [
        ("owe", "rack1/1/7"),
        ("poll", "panda-01", "192.0.2.1", "tcp:22"),
    ]


def test_an_unfinished_cycle_is_a_new_generation_committed_first() -> None:
    parts = rig()
    parts.request("rq-reboot")
    assert result_of(parts.fleet.cycle_started("panda-01", 1))
    parts = again(parts, 10)
    assert parts.said == [
        ("owe",),
        ("commit", "panda-01", "resume", "RebootRebooting"),
        ("cycle", "panda-01", 2, "rack1/1/1"),
    ]
    assert parts.board().standing.strikes == {}
    parts.cycled()
    assert parts.state() == "RebootComplete"


def test_a_cycle_that_had_failed_waits_for_its_timeout_after_a_restart() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.fleet.cycle_ended("panda-01", 1, "no answer")
    parts = again(parts, 10)
    assert parts.said == [("owe",)]
    parts.clock.advance(50)
    assert parts.said[-1] == ("cycle", "panda-01", 2, "rack1/1/1")


def test_a_jump_of_the_wall_clock_moves_nothing() -> None:
    parts = rig()
    wall = [EPOCH]
    world = parts.board()._world._replace(wall=lambda: wall[0])
    parts.board()._world = world
    parts.request("rq-reboot")
    parts.cycled()
    for jump in (timedelta(hours=1), timedelta(hours=-2)):
        wall[0] += jump
        parts.clock.advance(1)
    assert parts.state() == "RebootComplete"
    assert parts.board().standing.strikes == {}
    parts.clock.advance(598)
    assert parts.board().standing.strikes["RebootComplete"].count == 1


def test_a_stopped_board_takes_nothing_more() -> None:
    parts = reimaged(rig())
    result_of(Deferred.fromCoroutine(_stopped(parts)))
    with pytest.raises(StoreUnavailable):
        parts.request("rq-reboot")
    assert [call for call in parts.clock.getDelayedCalls() if call.active()] == []


async def _stopped(parts: Rig) -> None:
    parts.fleet.stopService()


def test_a_commit_that_ends_while_lifeguard_stops_begins_nothing() -> None:
    parts = rig()
    parts.store.holds = True
    answer = parts.fleet.request("panda-01", "rq-reboot", {}, "operator")
    parts.fleet.stopService()
    parts.store.held.pop()()
    assert result_of(answer).state == "RebootRebooting"
    assert parts.said[-1] == ("commit", "panda-01", "rq-reboot", "RebootRebooting")
    assert [call for call in parts.clock.getDelayedCalls() if call.active()] == []


def test_any_number_of_fetches_is_one_event() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    parts.store.leave()
    for _ in range(100):
        seen(parts, "boot-config-fetched")
    parts.store.come_back()
    assert parts.events().count("boot-config-fetched") == 1


def test_an_old_order_to_take_up_a_cycle_does_not_touch_a_newer_one() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.store.leave()
    assert not result_of(parts.fleet.cycle_started("panda-01", 1))
    assert not result_of(parts.fleet.cycle_started("panda-01", 1))
    parts.store.come_back()
    assert parts.board().standing.generation == 2
    assert [row.outcome for row in parts.store.rows if row.event == "resume"] == [
        "noted",
        "stale",
    ]


def test_a_board_that_stands_where_it_was_saved_is_not_written_again() -> None:
    store = FakeStore([])
    standing = Standing(board="panda-01", state="Maintenance", since=EPOCH, version=7)
    store.saved["panda-01"] = standing
    parts = rig(saved=Saved(standings={"panda-01": standing}), store=store)
    assert parts.board().standing == replace(standing)
    assert parts.said == [("owe",)]


# Effects.


def test_a_power_cycle_that_cannot_be_ordered_is_one_strike_at_the_states_pace(
    logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig()

    def broken(*order: object) -> None:
        raise RuntimeError("a driver of the lab's own")

    monkeypatch.setattr(parts.power, "cycle", broken)
    parts.request("rq-reboot")
    parts.clock.advance(59)
    assert parts.board().standing.strikes == {}
    parts.clock.advance(1)
    assert parts.board().standing.strikes["RebootRebooting"].count == 1
    assert len(logged_failures) == 2
    logged_failures.clear()
    reasons = [row.reason for row in parts.store.rows]
    assert "it could not be ordered: a driver of the lab's own" in reasons


def test_a_poll_that_cannot_begin_is_tried_again_at_the_states_pace(
    logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = rig()

    def broken(*watch: object) -> None:
        raise RuntimeError("a check of the lab's own")

    with monkeypatch.context() as context:
        context.setattr(parts.poller, "watch", broken)
        result_of(parts.fleet.change("panda-01", "New", "Ready", "operator"))
        parts.clock.advance(299)
    assert len(logged_failures) == 1
    logged_failures.clear()
    parts.clock.advance(1)
    assert parts.said[-1] == ("poll", "panda-01", "192.0.2.1", "ping")


def test_an_entry_that_fails_is_a_matter_for_the_states_timeout(
    logged_failures: list[LogEvent],
) -> None:
    class RebootComplete(standard.RebootComplete):
        def entry(self, board: Wants) -> None:
            if isinstance(board, Draft):
                raise RuntimeError("a lab's own state")

    parts = rig(inventory(LIFECYCLE.replace(RebootComplete)))
    parts.request("rq-reboot")
    parts.cycled()
    assert parts.state() == "RebootComplete"
    assert "its entry failed" in parts.store.rows[-1].reason
    assert len(logged_failures) == 1
    logged_failures.clear()
    parts.clock.advance(600)
    assert parts.board().standing.strikes["RebootComplete"].count == 1


# How far a boot has come, as netboot saw it.


def rows(parts: Rig, since: int) -> list[tuple[str, str, int]]:
    found = parts.store.rows[since:]
    return [(row.event, row.outcome, row.generation) for row in found]


def test_what_netboot_saw_is_written_down_and_extends_nothing() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    before, since = parts.board().standing, len(parts.store.rows)
    parts.clock.advance(100)
    seen(parts, "boot-config-fetched", "initrd-begun")
    assert rows(parts, since) == [
        ("boot-config-fetched", "noted", 1),
        ("initrd-begun", "noted", 1),
    ]
    assert parts.board().standing == before
    assert list(parts.board().progress.steps) == ["boot-config-fetched", "initrd-begun"]


def test_a_timeout_says_how_far_the_boot_came() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched", "initrd-begun", "initrd-fetched")
    parts.clock.advance(180)
    assert parts.store.rows[-1].reason == (
        "it fetched its boot config and its initrd, but never its kernel;"
        " strike 1, 30 allowed"
    )


def test_a_failure_tells_a_person_how_far_the_boot_came() -> None:
    parts = rig()
    parts.request("rq-maintenance")
    for generation in range(1, 32):
        parts.cycled()
        seen(parts, "boot-config-fetched", generation=generation)
        parts.clock.advance(180)
    assert parts.state() == "FailedMaintenanceBooting"
    assert parts.store.rows[-1].reason == (
        "it fetched its boot config, but never its kernel and never its initrd;"
        " strike 31, 30 allowed: given up"
    )


def test_a_timeout_says_nothing_of_an_older_boot() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched")
    for _ in range(2):
        parts.clock.advance(180)
        parts.cycled()
    reasons = [row.reason for row in parts.store.rows if row.event == "timeout"]
    assert [reason.count("fetched") for reason in reasons] == [1, 0]


def test_a_timeout_of_a_boot_from_disk_says_nothing_of_the_network() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched", "kernel-fetched")
    for event in ("installer-running", "install-ok"):
        parts.happens(event)
    parts.clock.advance(600)
    assert parts.store.rows[-1].reason == "strike 1, 10 allowed"


def test_a_fetch_that_the_state_notes_is_noted_once_and_then_counted() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    since, version = len(parts.store.rows), parts.board().standing.version
    for _ in range(3):
        seen(parts, "boot-config-fetched")
    assert rows(parts, since) == [("boot-config-fetched", "noted", 1)] * 3
    assert parts.board().standing.noted == ("boot-config-fetched",)
    assert parts.board().standing.version == version + 1


def test_a_transfer_that_outlived_its_boot_is_written_to_that_boot() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    parts.request("rq-self-test")
    since = len(parts.store.rows)
    seen(parts, "boot-config-fetched", generation=1)
    assert rows(parts, since) == [("boot-config-fetched", "noted", 1)]
    assert parts.board().standing.noted == ()
