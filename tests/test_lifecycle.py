"""The standard lifecycle, and what no lifecycle may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from lifeguard.lifecycle import Boots, Lifecycle, LifecycleError, State, standard
from lifeguard.lifecycle.machine import Core
from lifeguard.lifecycle.mistakes import targets
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.lifecycle.state import (
    BEGIN,
    CYCLE_FAILED,
    CYCLE_HELD,
    CYCLE_OK,
    CYCLE_STARTED,
    CYCLE_VOID,
    EXTEND,
    IMAGE_SET_ASIDE,
    ONLY_IMAGE_SET_ASIDE,
    RENEW,
    SELF,
    TIMEOUT,
    Strike,
    Wants,
    move,
    strike,
    want_requested_image,
)


class Steady(State):
    steady = True


class New(Steady):
    on = {"rq-go": "Work"}


class Done(Steady):
    pass


class GivenUp(Steady):
    pass


class Work(State):
    timeout, attempts, give_up = 10, 2, "GivenUp"
    on = {"done": "Done", TIMEOUT: strike(SELF)}


def mistake(*kinds: type[State]) -> str:
    with pytest.raises(LifecycleError) as caught:
        Lifecycle(*kinds)
    return str(caught.value)


class Listed(Core):
    """Writes one list of what the machine calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def enter(self, state: State, doing: object) -> None:
        self.calls.append(state.name)

    def begin(self, state: State) -> None:
        self.calls.append(("begin", state.name))

    def extend(self, state: State) -> None:
        self.calls.append(("extend", state.name))

    def hold(self) -> None:
        self.calls.append("hold")

    def begin_again(self) -> None:
        self.calls.append("begin again")

    def note(self) -> None:
        self.calls.append("note")


def sent(state: str, event: str, *, gives_up: bool = False) -> list[Any]:
    core = Listed()
    LIFECYCLE.send(core, state, event, gives_up=gives_up)
    return core.calls


# The standard lifecycle is the design's table.

TABLE = {
    # state: (timeout, attempts, give up, what is booted)
    "New": (None, 0, None, Boots.DISK),
    "Ready": (300, 10, "FailedFlapping", Boots.DISK),
    "RebootRebooting": (60, 200, "FailedRebootRebooting", Boots.DISK),
    "RebootComplete": (600, 10, "FailedRebootComplete", Boots.DISK),
    "ReimageRebooting": (60, 200, "FailedReimageRebooting", Boots.WANTED),
    "ReimageBooting": (180, 30, "FailedReimageBooting", Boots.WANTED),
    "ReimageInstalling": (900, 3, "FailedReimageInstalling", Boots.WANTED),
    "ReimageComplete": (600, 10, "FailedReimageComplete", Boots.DISK),
    "NoImage": (None, 0, None, Boots.DISK),
    "SelfTestRebooting": (60, 200, "FailedSelfTestRebooting", Boots.SELF_TEST),
    "SelfTestBooting": (180, 30, "FailedSelfTestBooting", Boots.SELF_TEST),
    "SelfTestRunning": (3600, 1, "FailedSelfTestRunning", Boots.DISK),
    "MaintenanceRebooting": (60, 200, "FailedMaintenanceRebooting", Boots.MAINTENANCE),
    "MaintenanceBooting": (180, 30, "FailedMaintenanceBooting", Boots.MAINTENANCE),
    "Maintenance": (None, 0, None, Boots.MAINTENANCE),
    "PoweringOff": (60, 200, "FailedPoweringOff", Boots.DISK),
    "Off": (None, 0, None, Boots.DISK),
    "Troubleshooting": (None, 0, None, Boots.DISK),
    "LockedOut": (None, 0, None, Boots.NOTHING),
}

WAYS = [
    ("RebootRebooting", CYCLE_OK, "RebootComplete"),
    ("RebootComplete", "image-running", "Ready"),
    ("RebootComplete", TIMEOUT, "RebootRebooting"),
    ("Ready", "poll-failed", "RebootRebooting"),
    ("ReimageRebooting", CYCLE_OK, "ReimageBooting"),
    ("ReimageBooting", "installer-running", "ReimageInstalling"),
    ("ReimageBooting", TIMEOUT, "ReimageRebooting"),
    ("ReimageInstalling", "install-ok", "ReimageComplete"),
    ("ReimageInstalling", "install-failed", "ReimageRebooting"),
    ("ReimageInstalling", "installer-running", "ReimageInstalling"),
    ("ReimageInstalling", TIMEOUT, "ReimageRebooting"),
    ("ReimageComplete", "image-running", "Ready"),
    ("ReimageComplete", TIMEOUT, "ReimageRebooting"),
    ("ReimageRebooting", IMAGE_SET_ASIDE, "RebootRebooting"),
    ("ReimageBooting", IMAGE_SET_ASIDE, "RebootRebooting"),
    ("ReimageRebooting", ONLY_IMAGE_SET_ASIDE, "NoImage"),
    ("ReimageInstalling", ONLY_IMAGE_SET_ASIDE, "NoImage"),
    ("ReimageComplete", ONLY_IMAGE_SET_ASIDE, "NoImage"),
    ("SelfTestRebooting", CYCLE_OK, "SelfTestBooting"),
    ("SelfTestBooting", "self-test-running", "SelfTestRunning"),
    ("SelfTestBooting", TIMEOUT, "SelfTestRebooting"),
    ("SelfTestRunning", "self-test-ok", "RebootRebooting"),
    ("SelfTestRunning", "self-test-failed", "FailedSelfTest"),
    ("SelfTestRunning", TIMEOUT, "SelfTestRebooting"),
    ("MaintenanceRebooting", CYCLE_OK, "MaintenanceBooting"),
    ("MaintenanceBooting", "maintenance-running", "Maintenance"),
    ("PoweringOff", "power-off-ok", "Off"),
    ("PoweringOff", "rq-power-on", "RebootRebooting"),
    ("Off", "rq-power-on", "RebootRebooting"),
    ("MaintenanceBooting", TIMEOUT, "MaintenanceRebooting"),
]


def test_the_figures_are_the_designs() -> None:
    figures = {
        name: (state.timeout, state.attempts, state.give_up, state.boots)
        for name in LIFECYCLE.states
        if (state := LIFECYCLE[name]) and not name.startswith("Failed")
    }
    assert figures == TABLE


def test_every_failed_state_is_steady_and_notifies() -> None:
    failed = [name for name in LIFECYCLE.states if name.startswith("Failed")]
    assert len(failed) == 14
    for name in failed:
        assert LIFECYCLE[name].steady
        assert LIFECYCLE.wants(name, "notify")


@pytest.mark.parametrize(("state", "event", "target"), WAYS)
def test_the_ways_are_the_designs(state: str, event: str, target: str) -> None:
    assert sent(state, event) == [target]


@pytest.mark.parametrize("state", LIFECYCLE.states)
def test_a_strike_too_many_leads_to_the_give_up_state(state: str) -> None:
    strikes = [
        event
        for event in (TIMEOUT, "poll-failed", "install-failed", "installer-running")
        if isinstance(LIFECYCLE.transition(state, event), Strike)
    ]
    for event in strikes:
        assert sent(state, event, gives_up=True) == [LIFECYCLE[state].give_up]


@pytest.mark.parametrize("state", sorted({*LIFECYCLE.states} - {"LockedOut"}))
def test_requests_are_accepted_everywhere_but_in_locked_out(state: str) -> None:
    requests = {
        "rq-reboot": "RebootRebooting",
        "rq-reimage": "ReimageRebooting",
        "rq-self-test": "SelfTestRebooting",
        "rq-maintenance": "MaintenanceRebooting",
        "rq-power-off": "PoweringOff",
    }
    assert {event: sent(state, event) for event in requests} == {
        event: [target] for event, target in requests.items()
    }
    assert LIFECYCLE.accepted("LockedOut") == []


def test_what_neither_moves_nor_strikes() -> None:
    assert sent("RebootRebooting", CYCLE_STARTED) == [("begin", "RebootRebooting")]
    assert sent("RebootRebooting", CYCLE_FAILED) == [("begin", "RebootRebooting")]
    assert sent("RebootRebooting", CYCLE_HELD) == ["hold"]
    assert sent("RebootRebooting", CYCLE_VOID) == ["begin again"]
    assert sent("ReimageInstalling", "install-progress") == [
        ("extend", "ReimageInstalling")
    ]
    assert sent("ReimageInstalling", "boot-config-fetched") == ["note"]


def test_board_events_and_requests_are_told_apart() -> None:
    assert LIFECYCLE.requests == {
        "rq-reboot",
        "rq-reimage",
        "rq-self-test",
        "rq-maintenance",
        "rq-power-off",
        "rq-power-on",
    }
    assert LIFECYCLE.board_events == {
        "image-running",
        "installer-running",
        "install-progress",
        "install-ok",
        "install-failed",
        "self-test-running",
        "self-test-ok",
        "self-test-failed",
        "maintenance-running",
    }


# What no lifecycle may be.


def test_a_small_lifecycle_is_fine() -> None:
    assert Lifecycle(New, Work, Done, GivenUp).states == (
        "New",
        "Work",
        "Done",
        "GivenUp",
    )


def test_a_target_that_is_no_state_is_refused() -> None:
    assert mistake(New, Done, GivenUp) == "New: rq-go leads to Work, which is no state"


def test_a_state_that_is_not_steady_needs_a_timeout() -> None:
    class Work(State):
        on = {"done": "Done"}

    assert mistake(New, Work, Done) == (
        "Work: it is not steady and needs a timeout above 0; "
        "Work: its timeout must be a strike, or RENEW where polls watch over it"
    )


def test_a_steady_state_has_no_timeout() -> None:
    class Done(Steady):
        timeout = 5

    assert mistake(New, Work, Done, GivenUp) == "Done: a steady state has no timeout"


def test_two_states_of_one_name_are_refused() -> None:
    assert mistake(New, New, Work, Done, GivenUp) == "New: two states of one name"


def test_a_state_that_no_way_leads_to_is_refused_unless_by_hand() -> None:
    class Island(Steady):
        pass

    class Reserved(Steady):
        by_hand = True

    kinds = (New, Work, Done, GivenUp)
    assert mistake(*kinds, Island) == (
        "Island: no way leads to this state, and it is not by_hand"
    )
    assert "Reserved" in Lifecycle(*kinds, Reserved)


def test_a_state_by_hand_is_reached_by_no_event() -> None:
    class Done(Steady):
        by_hand = True

    assert mistake(New, Work, Done, GivenUp) == (
        "Work: done leads to Done, which is reached only by hand"
    )


def test_a_loop_that_is_never_counted_is_refused() -> None:
    class Done(State):
        timeout, attempts, give_up = 5, 1, "GivenUp"
        on = {"again": "Work", TIMEOUT: strike(SELF)}

    assert "is never counted: a board could go round it for ever" in mistake(
        New, Work, Done, GivenUp
    )


def test_giving_up_into_a_loop_is_no_count() -> None:
    class GivenUp(State):
        timeout, attempts, give_up = 5, 1, "Work"
        on = {TIMEOUT: strike(SELF)}

    assert "GivenUp" in mistake(New, Work, Done, GivenUp)
    assert "is never counted" in mistake(New, Work, Done, GivenUp)


def test_a_counted_loop_that_clears_its_own_count_is_refused() -> None:
    class Done(State):
        timeout, attempts, give_up = 5, 1, "GivenUp"
        clears = True
        on = {TIMEOUT: strike("Work")}

    assert mistake(New, Work, Done, GivenUp) == (
        "Done -> Work -> Done forgets its strikes on the way:"
        " it needs a count that forgets only by time"
    )

    class Lasting(Done):
        forget = 3600

    Lasting.__name__ = "Done"
    assert "Done" in Lifecycle(New, Work, Lasting, GivenUp)


def test_renewal_is_for_polled_states_and_extension_needs_a_total() -> None:
    class Done(State):
        timeout = 5
        on = {TIMEOUT: RENEW}

    class Work(State):
        timeout, give_up = 10, "GivenUp"
        on = {"more": EXTEND, "done": "Done", TIMEOUT: strike(SELF)}

    assert mistake(New, Work, Done, GivenUp) == (
        "Work: EXTEND needs a total that is not below the timeout; "
        "Done: RENEW is for a state that polls and clears the strikes of others"
    )


def test_a_state_that_cycles_power_must_hear_of_it() -> None:
    class Work(State):
        timeout, give_up = 10, "GivenUp"
        on = {TIMEOUT: strike(SELF), CYCLE_STARTED: BEGIN}

        def entry(self, board: Wants) -> None:
            board.cycle_power()

    assert mistake(New, Work, GivenUp) == (
        "Work: it switches power, so power-cycle-failed must be BEGIN; "
        "Work: it switches power, so power-cycle-held must be HOLD; "
        "Work: it switches power, so power-cycle-void must be AGAIN; "
        "Work: it switches power, so power-cycle-ok must lead on"
    )


def test_a_timeout_counts_whatever_was_noted() -> None:
    class Work(State):
        timeout, attempts, give_up = 10, 2, "GivenUp"
        on = {"done": "Done", TIMEOUT: strike(SELF, after="boot-config-fetched")}

    assert mistake(New, Work, Done, GivenUp) == (
        "Work: its timeout must be a strike whatever was noted before"
    )


def test_a_strike_must_not_be_forgotten_within_a_lap() -> None:
    with pytest.raises(LifecycleError) as caught:
        LIFECYCLE.with_figures({"Ready": {"forget": 60}})
    assert str(caught.value) == (
        "Ready: forget must be above 18540, the seconds that all states may last"
    )


def test_what_is_done_on_the_way_is_brief_and_has_what_it_needs() -> None:
    class New(Steady):
        on = {
            "rq-go": move("Work", lambda board: board.cycle_power()),
            "hello": move("Work", want_requested_image),
        }

    assert mistake(New, Work, Done, GivenUp) == (
        "New: rq-go does cycle_power, which is for a state's entry; "
        "New: hello is no request, and names no image to want"
    )


# What a lab may change.


def test_a_lab_changes_a_state_by_subclassing() -> None:
    class RebootComplete(standard.RebootComplete):
        timeout = 900
        on = {"hello": "Ready", "image-running": None}

    lab = LIFECYCLE.replace(RebootComplete)
    assert lab["RebootComplete"].timeout == 900
    assert lab.transition("RebootComplete", "image-running") is None
    assert "hello" in lab.board_events
    assert LIFECYCLE["RebootComplete"].timeout == 600


def test_a_lab_changes_figures() -> None:
    lab = LIFECYCLE.with_figures({"RebootComplete": {"timeout": 9, "attempts": 2}})
    assert (lab["RebootComplete"].timeout, lab["RebootComplete"].attempts) == (9, 2)
    assert lab["RebootRebooting"].timeout == 60


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({"Rebot": {"timeout": 9}}, "Rebot: no such state"),
        (
            {"Ready": {"on": {}}},
            "Ready.on: not a figure of a state"
            " (timeout, attempts, total, wait, forget)",
        ),
        ({"New": {"timeout": 9}}, "New.timeout: this state has none to change"),
        (
            {"Ready": {"timeout": "9"}},
            "Ready.timeout: expected a number from 0 to 1000000000, got '9'",
        ),
        (
            {"Ready": {"attempts": 1.5}},
            "Ready.attempts: expected a number from 0 to 1000000000, got 1.5",
        ),
        (
            {"Ready": {"timeout": 0}},
            "Ready: it is not steady and needs a timeout above 0",
        ),
    ],
)
def test_a_wrong_figure_is_named(figures: dict[str, Any], text: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        LIFECYCLE.with_figures(figures)
    assert str(caught.value) == text


# In no lifecycle anyone writes can a board go round for ever.


@st.composite
def lifecycles(draw: st.DrawFn) -> list[type[State]]:
    names = ["New", *(f"S{number}" for number in range(draw(st.integers(1, 5))))]
    target = st.sampled_from(names)
    kinds = []
    for name in names:
        body: dict[str, Any] = {"attempts": draw(st.integers(0, 2))}
        body["clears"] = draw(st.booleans())
        body["forget"] = draw(st.sampled_from([None, 100.0]))
        body["give_up"] = draw(target)
        body["timeout"] = 1.0
        body["on"] = {
            TIMEOUT: strike(draw(target)),
            **{
                event: draw(st.one_of(target, st.builds(strike, target)))
                for event in draw(st.sets(st.sampled_from(["a", "b", "c"])))
            },
        }
        if draw(st.booleans()):
            body = {"steady": True}
        kinds.append(type(name, (State,), body))
    return kinds


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.filter_too_much], deadline=None
)
@given(lifecycles(), st.data())
def test_every_walk_through_an_accepted_lifecycle_ends(
    kinds: list[type[State]], data: st.DataObject
) -> None:
    try:
        lifecycle = Lifecycle(*kinds)
    except LifecycleError:
        reject()
    state, strikes = "New", dict.fromkeys(lifecycle.states, 0)
    # Each lasting count allows at most `attempts` returns to a clearing state, and
    # between two of them each other count allows as many: a generous bound.
    for _ in range(2000):
        events = ["timeout", "a", "b", "c"]
        moves = [e for e in events if lifecycle.transition(state, e) is not None]
        if not moves:
            return
        event = data.draw(st.sampled_from(moves))
        transition = lifecycle.transition(state, event)
        assert transition is not None
        ways = list(targets(lifecycle[state], transition))
        if isinstance(transition, Strike):
            strikes[state] += 1
            state = ways[strikes[state] > lifecycle[state].attempts]
        else:
            state = ways[0]
        if lifecycle[state].clears:
            strikes = {
                name: count if lifecycle[name].forget is not None else 0
                for name, count in strikes.items()
            }
    pytest.fail(f"walked for ever: {strikes}")


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("FailedFlapping", "failed"),
        ("ReimageInstalling", "busy"),
        ("Maintenance", "still"),
        ("Ready", "well"),
    ],
)
def test_what_a_state_means_to_who_looks_at_it(state: str, kind: str) -> None:
    assert LIFECYCLE.kind(state) == kind


def test_a_lifecycle_that_is_built_alike_is_the_same() -> None:
    def slow(timeout: float) -> Lifecycle:
        return LIFECYCLE.with_figures({"Ready": {"timeout": timeout}})

    class Ready(standard.Ready):
        timeout = 600

    assert slow(600) == slow(600) != LIFECYCLE
    assert hash(slow(600)) == hash(slow(600))
    assert slow(600) != slow(601)
    assert LIFECYCLE.replace(Ready) == slow(600)
    assert LIFECYCLE.states != LIFECYCLE
    assert slow(600).figures("Ready")["timeout"] == 600


def test_states_that_do_another_thing_are_not_the_same() -> None:
    def doing(effect: str) -> Lifecycle:
        class Troubleshooting(standard.Troubleshooting):
            def entry(self, board: Wants) -> None:
                getattr(board, effect)()

        return LIFECYCLE.replace(Troubleshooting)

    assert doing("notify") != doing("poll")
