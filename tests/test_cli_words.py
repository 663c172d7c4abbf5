"""Times, names and kinds in words."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.cli.words import clock_time, duration, folded, plural
from tests.rig import EPOCH


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7440, "2 h 4 min"),
        (3601, "1 h"),
        (3 * 86400 + 4 * 3600 + 59, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_time_of_another_day_has_its_date_where_the_reader_is() -> None:
    there = timezone(timedelta(hours=2))
    now = (EPOCH + timedelta(hours=1)).astimezone(there)
    assert clock_time(EPOCH, now) == "02:00:00"
    assert clock_time(EPOCH - timedelta(hours=3), now) == "2025-12-31 23:00:00"


def test_names_that_count_up_are_folded() -> None:
    names = ["sim-09", "sim-10", "sim-11", "sim-13", "sim-14", "bare", "a9", "a10"]
    assert folded(names) == ["a10", "a9", "bare", "sim-09…sim-11", "sim-13", "sim-14"]


@given(st.sets(st.integers(0, 999)))
def test_no_name_is_lost_by_folding(numbers: set[int]) -> None:
    unfolded: list[int] = []
    for word in folded(f"sim-{number:03}" for number in numbers):
        first, _, last = word.replace("sim-", "").partition("…")
        unfolded += range(int(first), int(last or first) + 1)
    assert unfolded == sorted(numbers)


def test_one_is_singular() -> None:
    assert [plural(count, "board") for count in (0, 1, 2)] == [
        "0 boards",
        "1 board",
        "2 boards",
    ]
