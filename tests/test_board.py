"""One board: what an event does, in which order, and what is left of it later."""

from __future__ import annotations

import pytest
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
from lifeguard.model import Saved, Standing, Strikes
from tests.rig import (
    EPOCH,
    inventory,
    reimaged,
    result_of,
    rig,
    seen,
)

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
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
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


def test_a_failed_cycle_waits_for_the_timeout_and_is_one_strike() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.fleet.about("panda-01").cycle_ended(1, "rack1 does not answer")
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
    assert not result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.fleet.about("panda-01").cycle_ended(1, None)
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
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    result_of(
        parts.fleet.change("panda-01", "RebootRebooting", "LockedOut", "operator")
    )
    parts.fleet.about("panda-01").cycle_ended(1, None)
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
