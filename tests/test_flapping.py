"""A board that keeps coming back and failing again: how often, and within what."""

from __future__ import annotations

from pathlib import Path

from lifeguard.config import load
from lifeguard.effects import POLICY
from lifeguard.model import Cause, Incident
from tests.rig import EPOCH, Rig, reimaged, rig

LAB = """
[relay_boards.rack1]
driver = "proxr"
address = "192.0.2.10"

[hardware.panda]

[hardware.panda.states.Ready]
attempts = 2
forget = 50000

[images.debian.boot.panda]
loader = "pxelinux"
template = "panda.cfg.j2"

[boards.panda-01]
mac = "02:00:00:00:00:01"
address = "192.0.2.101"
hardware = "panda"
power = "rack1/1/1"
"""


def flapping(folder: Path) -> Rig:
    """A board that is Ready, in a lab that allows two failures within 50,000 s."""
    (folder / "lifeguard.toml").touch()
    (folder / "boards.toml").write_text(LAB)
    (folder / "panda.cfg.j2").write_text("default lifeguard\n")
    return reimaged(rig(load(folder / "lifeguard.toml").inventory))


def fails_and_comes_back(parts: Rig) -> None:
    parts.poller.watches["panda-01"].failed("no answer")
    if parts.state() == "RebootRebooting":
        parts.cycled()
        parts.happens("image-running")


def test_count_and_window_are_the_labs_own(tmp_path: Path) -> None:
    parts = flapping(tmp_path)
    for _ in range(3):
        fails_and_comes_back(parts)
    assert parts.state() == "FailedFlapping"
    assert parts.store.rows[-1].reason == (
        "no answer; strike 3, 2 allowed, forgotten after 50000 s without one: given up"
    )


def is_held_up(parts: Rig) -> None:
    """Its relay board is ill for longer than strikes are kept."""
    generation = parts.board().standing.generation
    parts.fleet.about("panda-01").cycle_held(generation, "rack1 is broken", 86400.0)
    parts.clock.advance(86000)
    parts.cycled()
    parts.happens("image-running")


def is_excused(parts: Rig) -> None:
    """It does not boot for longer than strikes are kept, and an incident is blamed."""
    parts.fleet.docket.take(
        Incident(
            id=1,
            cause=Cause("hardware", "panda"),
            since=parts.service_time.now(),
            opened=EPOCH,
            boards=("panda-01",),
            failing=("panda-01",),
            text="panda fails",
        )
    )
    for _ in range(84):
        parts.cycled()
        parts.clock.advance(600)
    parts.cycled()
    parts.happens("image-running")


def test_a_lap_forgets_nothing_however_long_its_relay_board_is_ill(
    tmp_path: Path,
) -> None:
    parts = flapping(tmp_path)
    for _ in range(2):
        parts.poller.watches["panda-01"].failed("no answer")
        is_held_up(parts)
    parts.poller.watches["panda-01"].failed("no answer")
    assert parts.state() == "FailedFlapping"


def test_a_lap_forgets_nothing_however_long_it_is_excused(tmp_path: Path) -> None:
    parts = flapping(tmp_path)
    for _ in range(2):
        parts.poller.watches["panda-01"].failed("no answer")
        is_excused(parts)
    parts.poller.watches["panda-01"].failed("no answer")
    assert parts.state() == "FailedFlapping"


def test_what_passes_between_two_laps_counts_in_full(tmp_path: Path) -> None:
    parts = flapping(tmp_path)
    for _ in range(2):
        fails_and_comes_back(parts)
        parts.clock.advance(49999)
    fails_and_comes_back(parts)
    assert parts.state() == "FailedFlapping"


def test_a_reimage_a_day_holds_up_no_forgetting(tmp_path: Path) -> None:
    parts = flapping(tmp_path)
    for _ in range(10):
        fails_and_comes_back(parts)
        for _ in range(2):
            parts.clock.advance(30000)
            reimaged(parts)
    assert parts.state() == "Ready"
    assert parts.board().standing.strikes == {}


def test_nor_does_a_stay_in_off_that_nobody_asked_for(tmp_path: Path) -> None:
    parts = flapping(tmp_path)
    for _ in range(2):
        fails_and_comes_back(parts)
    parts.clock.advance(25000)
    policy = {"by": "lifeguard", "source": POLICY}
    parts.happens("rq-power-off", **policy)
    generation = parts.board().standing.generation
    parts.fleet.about("panda-01").switched_off(generation)
    assert parts.state() == "Off"
    parts.clock.advance(25001)
    parts.happens("rq-power-on", **policy)
    parts.cycled()
    parts.happens("image-running")
    for _ in range(2):
        fails_and_comes_back(parts)
    assert parts.state() == "Ready"


def test_a_window_without_a_failure_clears_it(tmp_path: Path) -> None:
    parts = flapping(tmp_path)
    for _ in range(2):
        fails_and_comes_back(parts)
    parts.clock.advance(50001)
    for _ in range(2):
        fails_and_comes_back(parts)
    assert parts.state() == "Ready"
