"""Whose failure it is, and what becomes of a relay board: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifeguard.power.condition import ALIKE, BROKEN_SECONDS, Condition
from lifeguard.power.errors import NoAnswer, NotSwitched, ReadsDisagree
from lifeguard.power.inrush import Inrush

SILENT, STUCK = NoAnswer("no answer"), NotSwitched("it did not switch")


def test_it_works_until_something_else_is_known() -> None:
    condition = Condition(5.0)
    assert (condition.since.state, condition.since.at) == ("Working", 5.0)


def test_one_outlet_that_sticks_twice_is_its_own_failure() -> None:
    condition = Condition(0.0)
    assert [condition.outlet_failed("1/1", STUCK, 1.0) for _ in "12"] == [False, True]
    assert condition.works


def test_a_failure_between_two_successes_is_forgotten() -> None:
    condition = Condition(0.0)
    for moment in range(9):
        assert not condition.outlet_failed("1/1", ReadsDisagree("odd"), moment)
        condition.switched("1/1", moment)
    assert condition.works


def test_silence_makes_it_suspect_and_after_half_a_minute_broken() -> None:
    condition = Condition(0.0)
    assert not condition.outlet_failed("1/1", SILENT, 10.0)
    assert (condition.since.state, condition.since.why) == ("Suspect", "no answer")
    condition.failed(SILENT, 10.0 + BROKEN_SECONDS - 1)
    assert condition.since.state == "Suspect"
    condition.failed(SILENT, 10.0 + BROKEN_SECONDS)
    assert condition.broken
    condition.switched("1/1", 60.0)
    assert (condition.since.state, condition.since.at) == ("Working", 60.0)


def test_what_is_silent_again_after_a_passed_test_is_the_outlet() -> None:
    condition = Condition(0.0)
    assert not condition.outlet_failed("1/1", SILENT, 1.0)
    condition.answered()
    assert condition.outlet_failed("1/1", SILENT, 3.0)
    assert condition.works


def test_what_is_silent_with_no_answer_in_between_is_the_relay_board() -> None:
    condition = Condition(0.0)
    assert not any(condition.outlet_failed("1/1", SILENT, n) for n in range(9))
    assert condition.since.state == "Suspect"


@given(st.permutations([f"1/{number}" for number in range(1, ALIKE + 3)]))
def test_so_many_outlets_do_not_break_at_once(outlets: list[str]) -> None:
    condition = Condition(0.0)
    for _ in range(3):
        blamed = [condition.outlet_failed(each, STUCK, 1.0) for each in outlets]
        assert not any(blamed)
    assert not condition.works


def test_the_pause_is_doubled_up_to_half_a_minute() -> None:
    condition, pauses = Condition(0.0), []
    for moment in range(7):
        condition.failed(SILENT, moment)
        pauses.append(condition.pause())
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


@given(
    st.integers(1, 5),
    st.floats(0, 9),
    st.lists(st.floats(0, 3, allow_subnormal=False), max_size=30),
)
def test_never_more_are_switched_on_within_the_time_apart(
    at_once: int, apart: float, gaps: list[float]
) -> None:
    inrush, now, moments = Inrush(at_once, apart), 0.0, []
    for gap in gaps:
        now += gap
        now += inrush.wait(now)
        inrush.switched_on(now)
        moments.append(now)
    for first, last in zip(moments, moments[at_once:], strict=False):
        assert last - first >= apart - 1e-9
