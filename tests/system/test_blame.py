"""Three faults at once in a lab of sockets and processes, and who is blamed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lifeguard.simulator.plan import plan_boards
from tests.process_lab import ProcessLab, process_lab

BOARDS, OUTLETS = 34, 14
PLANNED = plan_boards(BOARDS, OUTLETS)
RACK1 = [board.name for board in PLANNED if board.relay_board == "rack1"]
"""The fourteen boards of the relay board that is ill."""
DEAD = "sim-15"
ASKED = [f"sim-{number}" for number in range(16, 26)]
"""Ten boards on two relay boards, which are asked for the image that cannot boot."""
UNTOUCHED = [f"sim-{number}" for number in range(26, BOARDS + 1)]

BLAME = """
[blame]
settle = 8
window = 60
"""

FIGURES = {"ReimageRebooting": 2, "ReimageComplete": 2}
"""So few strikes give a board up that a board which is not excused soon is."""

SECONDS = 120.0


@pytest.mark.system
@pytest.mark.parametrize("ill", ["refuses", "hangs"])
def test_three_faults_make_three_incidents_and_nothing_else_is_touched(
    tmp_path: Path, ill: str
) -> None:
    faults = ("--ill", f"rack1={ill}", "--dead", DEAD, "--broken-image", "brick")
    size = ("--boards", str(BOARDS), "--outlets", str(OUTLETS), "--seed", "1")
    with process_lab(tmp_path / "lab", *size, *faults) as lab:
        _shorten(tmp_path / "lab")
        lab.start()
        for board in PLANNED:
            assert _reimage(lab, board.name, "debian") == 200
        _wait(lab, lambda states: {states[name] for name in ASKED} == {"Ready"})
        _wait(lab, lambda states: {states[name] for name in UNTOUCHED} == {"Ready"})
        before = _generations(lab)
        for name in ASKED:
            assert _reimage(lab, name, "brick") == 200
        _wait(lab, lambda _: len(_incidents(lab)) == 3)
        _wait(lab, lambda _: "brick" in _set_aside(lab))
        _wait(lab, lambda states: {states[name] for name in ASKED} == {"Ready"})
        incidents = {one["name"]: one for one in _incidents(lab)}
        assert {name: one["kind"] for name, one in incidents.items()} == {
            "rack1": "relay-board",
            "brick": "image",
            DEAD: "board",
        }
        assert set(incidents["rack1"]["boards"]) == set(RACK1)
        assert set(incidents["brick"]["boards"]) <= set(ASKED)
        assert incidents[DEAD]["boards"] == [DEAD]
        assert _reimage(lab, UNTOUCHED[0], "brick") == 422
        states, generations = lab.states(), _generations(lab)
        assert {states[name] for name in RACK1} == {"ReimageRebooting"}
        assert states[DEAD] == "FailedReimageComplete"
        assert {states[name] for name in UNTOUCHED} == {"Ready"}
        for name in UNTOUCHED:
            assert generations[name] == before[name]
        assert {lab.boards()[name]["disk"] for name in ASKED} == {"debian"}


def _shorten(directory: Path) -> None:
    """Let lifeguard make up its mind within seconds, and give up as soon."""
    with (directory / "lifeguard.toml").open("a") as settings:
        settings.write(BLAME)
    inventory = directory / "boards.toml"
    text = inventory.read_text()
    for state, attempts in FIGURES.items():
        table = f"[hardware.sim.states.{state}]\n"
        assert table in text
        text = text.replace(table, f"{table}attempts = {attempts}\n")
    inventory.write_text(text)


def _reimage(lab: ProcessLab, board: str, image: str) -> int:
    path = f"/api/v1/boards/{board}/events/rq-reimage"
    status, _ = lab.ask(path, {"image": image})
    return status


def _incidents(lab: ProcessLab) -> list[dict[str, Any]]:
    _, answer = lab.ask("/api/v1/incidents")
    incidents: list[dict[str, Any]] = answer["incidents"]
    return incidents


def _set_aside(lab: ProcessLab) -> list[str]:
    _, answer = lab.ask("/api/v1/images")
    return [image["name"] for image in answer["images"] if image["failed"]]


def _generations(lab: ProcessLab) -> dict[str, int]:
    return {board["name"]: board["generation"] for board in lab.summaries()}


def _wait(lab: ProcessLab, condition: Any) -> None:
    """Until the states of all boards are as they should be."""
    deadline = time.monotonic() + SECONDS
    assert lab.daemon is not None
    while not condition(lab.states()):
        text = "\n".join(lab.daemon.lines[-60:])
        assert time.monotonic() < deadline, f"{_incidents(lab)}\n{text}"
        lab.daemon.read_for(0.5)
