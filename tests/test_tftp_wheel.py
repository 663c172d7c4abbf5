"""A wheel gives each thing back once, at its time or within a tick of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.netboot.wheel import TICK, Wheel

times = st.floats(0, 1e6)


def test_a_thing_comes_at_its_time_and_not_again() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put("a", 0.1)
    assert [wheel.turn(now) for now in (0.09, 0.1, 0.2)] == [[], ["a"], []]
    assert len(wheel) == 0


def test_the_last_word_counts() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put("a", 1.0)
    wheel.put("a", 0.1)
    wheel.put("b", 0.1)
    wheel.put("b", 1.0)
    assert [wheel.turn(0.5), wheel.turn(1.5)] == [["a"], ["b"]]


def test_what_is_removed_does_not_come() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put("a", 1.0)
    wheel.remove("a")
    wheel.remove("a")
    assert [wheel.turn(2.0), len(wheel)] == [[], 0]


@given(st.lists(times, max_size=30), times)
def test_all_that_is_due_comes_the_earliest_first(
    whens: list[float], now: float
) -> None:
    wheel: Wheel[int] = Wheel()
    for thing, when in enumerate(whens):
        wheel.put(thing, when)
    due = wheel.turn(now)
    assert all(whens[thing] <= now for thing in due)
    assert {thing for thing, when in enumerate(whens) if when < now - TICK} <= set(due)
    waits = [whens[thing] for thing in due]
    assert waits == pytest.approx(sorted(waits), abs=TICK)
    assert len(wheel) == len(whens) - len(due)
