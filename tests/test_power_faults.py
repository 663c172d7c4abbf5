"""Each thing that a relay board may do wrong, at each step of a power cycle."""

from __future__ import annotations

import pytest

from lifeguard.wire.proxr import Relay
from tests.fake_relay_board import SILENCE
from tests.power_rig import A, Lab, lab

READ = "read relay 1 of bank 1"
STEPS = [
    ("switch on relay 1 of bank 1", 0),
    *((READ, number) for number in range(4)),
    ("switch off relay 1 of bank 1", 0),
]
"""Each command of a cycle, and which of its kind it is."""

WRONG = {
    "silence": SILENCE,
    "another command's answer": [b"\x07"],
    "an answer that never ends": [b"\1" * 50] * 50,
    "an answer that goes on": [b"\1\1"],
}


def honest(command: str, times: int) -> list[list[bytes]]:
    """The right answers to the first `times` commands of this kind."""
    answers = [[b"\1"], [b"\1"], [b"\0"], [b"\0"]] if command == READ else [[b"U"]]
    return answers[:times]


def after(parts: Lab, seconds: float = 60.0) -> tuple[list[str], int]:
    """What became of it: how cycles ended, and how often the board lost its power."""
    parts.run(seconds)
    ended = [event for event in parts.events if event.startswith(("ended", "void"))]
    off, losses = False, 0
    for what in parts.relay_board.seen_without_times():
        if what.startswith("switch"):
            losses += what.startswith("switch on") and not off
            off = what.startswith("switch on")
    return ended, losses


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0][:10]} {step[1]}")
def test_one_wrong_answer_costs_no_strike_and_no_second_cycle(
    step: tuple[str, int], fault: str
) -> None:
    parts, (command, times) = lab(), step
    parts.relay_board.oddities[command] = [*honest(command, times), WRONG[fault]]
    parts.power.cycle("a", 1, (A,))
    assert after(parts) == (["ended a 1: ok"], 1)
    assert (parts.relay_board.relays_on, parts.power.owed()) == (set(), [])


@pytest.mark.parametrize("number", range(4))
def test_reads_that_disagree_once_are_asked_again(number: int) -> None:
    parts = lab()
    wrong = [b"\0"] if number < 2 else [b"\1"]
    parts.relay_board.oddities[READ] = [*honest(READ, number), wrong]
    parts.power.cycle("a", 1, (A,))
    assert after(parts) == (["ended a 1: ok"], 1)


AWAY = {"refused": False, "not accepted": None}


@pytest.mark.parametrize("how", AWAY)
@pytest.mark.parametrize("seconds", [0.02, 0.04, 0.06, 0.08, 0.5, 1.07, 1.09, 1.11])
def test_a_relay_board_that_dies_for_a_moment_costs_no_second_cycle(
    seconds: float, how: str
) -> None:
    parts = lab()
    parts.power.cycle("a", 1, (A,))
    parts.run(seconds)
    parts.relay_board.hang_up()
    parts.relay_board.reachable = AWAY[how]
    parts.run(10)
    parts.relay_board.reachable = True
    assert after(parts) == (["ended a 1: ok"], 1)
    assert (parts.relay_board.relays_on, parts.power.owed()) == (set(), [])


@pytest.mark.parametrize("seconds", [0.02, 0.04, 0.06, 0.08, 0.5, 1.07, 1.09])
def test_a_relay_board_that_loses_power_and_is_long_away_leaves_no_outlet_off(
    seconds: float,
) -> None:
    parts = lab()
    parts.power.cycle("a", 1, (A,))
    parts.run(seconds)
    parts.relay_board.hang_up()
    parts.relay_board.relays_on.clear()  # without power it has all boards on
    parts.relay_board.reachable = False
    parts.run(600)
    assert not [event for event in parts.events if event.startswith("ended")]
    parts.relay_board.reachable = True
    parts.run(90)
    assert (parts.relay_board.relays_on, parts.power.owed()) == (set(), [])
    [void] = [event for event in parts.events if event.startswith(("ended", "void"))]
    assert void.startswith("void a 1 for 86400: rack1/1/1: ")


def test_one_outlet_that_disagrees_with_itself_is_its_boards_failure() -> None:
    parts = lab()
    parts.relay_board.oddities[READ] = [[b"\0"], [b"\1"]] * 4
    parts.power.cycle("a", 1, (A,))
    parts.run(60)
    ended = [event for event in parts.events if event.startswith("ended")]
    assert len(ended) == 1
    assert "two reads of relay 1 of bank 1 disagree" in ended[0]
    assert not [event for event in parts.events if event.startswith("held")]
    assert Relay(1, 1) not in parts.relay_board.relays_on
