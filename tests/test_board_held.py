"""A board whose relay board is ill: it waits, and pays nothing."""

from __future__ import annotations

from lifeguard.model import Saved, Strikes
from tests.rig import (
    Rig,
    result_of,
    rig,
)

ILL = "rack1 is suspect: no answer"
PATIENCE = 86400.0


def held(generation: int = 1, patience: float = PATIENCE) -> Rig:
    parts = rig()
    parts.request("rq-reboot")
    parts.fleet.about("panda-01").cycle_held(generation, ILL, patience)
    return parts


def test_a_held_cycle_is_no_strike_however_long_it_waits() -> None:
    parts = held()
    parts.clock.advance(80_000)
    standing = parts.board().standing
    assert (standing.state, standing.strikes) == ("RebootRebooting", {})
    assert result_of(parts.fleet.about("panda-01").cycle_started(1)) is True
    assert parts.board().standing.deadline == 80_060


def test_the_time_of_a_cycle_that_had_begun_stands_still_while_it_is_held() -> None:
    parts = rig()
    parts.request("rq-reboot")
    result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.clock.advance(50)
    parts.fleet.about("panda-01").cycle_held(1, ILL, PATIENCE)
    parts.clock.advance(1000)
    parts.fleet.about("panda-01").cycle_goes_on(1)
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
    result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.forget()
    parts.fleet.about("panda-01").cycle_void(1, ILL, PATIENCE)
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
        result_of(parts.fleet.about("panda-01").cycle_started(generation))
        parts.fleet.about("panda-01").cycle_void(generation, ILL, 10_000)
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
    again.fleet.about("panda-01").cycle_held(2, ILL, PATIENCE)
    assert again.board().standing.deadline == PATIENCE
