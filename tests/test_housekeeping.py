"""History is forgotten by age, in small steps, pass after pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from lifeguard.housekeeping import (
    FIRST_SECONDS,
    PASS_SECONDS,
    STEP_ROWS,
    STEP_SECONDS,
    Housekeeping,
)
from lifeguard.store import StoreUnavailable

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30


class Shelf:
    """Rows to go through; each step is noted with the moment it was asked for."""

    def __init__(self, clock: Clock, rows: int) -> None:
        self.steps: list[tuple[float, int]] = []
        self.limits: list[datetime] = []
        self.away = False
        self._clock, self._rows = clock, rows

    def forget_history(
        self, older_than: datetime, after: int, at_most: int
    ) -> Deferred[int | None]:
        self.steps.append((self._clock.seconds(), after))
        self.limits.append(older_than)
        return execute(self._step, after, at_most)

    def _step(self, after: int, at_most: int) -> int | None:
        if self.away:
            raise StoreUnavailable("away")
        return None if after + at_most > self._rows else after + at_most


class Rig(NamedTuple):
    housekeeping: Housekeeping
    shelf: Shelf
    clock: Clock

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([STEP_SECONDS] * round(seconds / STEP_SECONDS))


@pytest.fixture
def parts() -> Rig:
    clock = Clock()
    shelf = Shelf(clock, rows=2 * STEP_ROWS)
    housekeeping = Housekeeping(
        shelf, clock, lambda: EPOCH + timedelta(seconds=clock.seconds()), DAYS
    )
    housekeeping.startService()
    return Rig(housekeeping, shelf, clock)


def test_a_pass_goes_through_what_is_old_step_by_step(parts: Rig) -> None:
    parts.clock.advance(FIRST_SECONDS)
    parts.pass_time(10)
    begun = FIRST_SECONDS + STEP_SECONDS
    assert [after for _, after in parts.shelf.steps] == [0, STEP_ROWS, 2 * STEP_ROWS]
    moments = [moment - begun for moment, _ in parts.shelf.steps]
    assert moments == pytest.approx([0, STEP_SECONDS, 2 * STEP_SECONDS])


def test_all_steps_of_a_pass_have_one_limit(parts: Rig) -> None:
    parts.clock.advance(FIRST_SECONDS)
    parts.pass_time(10)
    limit = EPOCH + timedelta(seconds=FIRST_SECONDS) - timedelta(days=DAYS)
    assert parts.shelf.limits == [limit] * 3


def test_the_next_pass_begins_anew(parts: Rig) -> None:
    for _ in range(2):
        parts.clock.advance(PASS_SECONDS)
        parts.pass_time(10)
    assert [after for _, after in parts.shelf.steps] == [
        0,
        STEP_ROWS,
        2 * STEP_ROWS,
    ] * 2


def test_a_pass_that_met_no_store_is_left_to_the_next(parts: Rig) -> None:
    parts.shelf.away = True
    parts.clock.advance(FIRST_SECONDS)
    parts.pass_time(10)
    assert len(parts.shelf.steps) == 1
    parts.shelf.away = False
    parts.clock.advance(PASS_SECONDS)
    parts.pass_time(10)
    assert [after for _, after in parts.shelf.steps] == [0, 0, STEP_ROWS, 2 * STEP_ROWS]


def test_after_a_pass_and_not_before_it_is_told_what_is_forgotten(parts: Rig) -> None:
    told: list[datetime] = []
    parts.housekeeping.subscribe(told.append)
    parts.clock.advance(FIRST_SECONDS)
    parts.pass_time(2 * STEP_SECONDS)
    assert told == []
    parts.pass_time(STEP_SECONDS)
    assert told == [parts.shelf.limits[0]]
    parts.shelf.away = True
    parts.clock.advance(PASS_SECONDS)
    parts.pass_time(10)
    assert told == [parts.shelf.limits[0]]


def test_stopping_ends_a_pass(parts: Rig) -> None:
    parts.clock.advance(PASS_SECONDS)
    parts.housekeeping.stopService()
    assert parts.clock.getDelayedCalls() == []
