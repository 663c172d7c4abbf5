"""Nothing is lost, nobody is stuck, however often lifeguard is killed.

Two hundred kills instead of ten, with a hundred boards, on one of the databases:

    LIFEGUARD_KILLS=200 pytest -s -m system tests/system/test_kill.py -k sqlite

`LIFEGUARD_SEED` is 1 unless said; a failure names it, and tells the boards' histories.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import pytest

from lifeguard.simulator.configuration import DATABASE
from lifeguard.simulator.plan import plan_boards
from lifeguard.simulator.status import DELAY_SECONDS
from tests.postgres import schema_url

from .kills import Campaign, Plan, campaign, plan
from .kills_evidence import Evidence, Row, read_log

KILLS = int(os.environ.get("LIFEGUARD_KILLS", "10"))
SEED = int(os.environ.get("LIFEGUARD_SEED", "1"))
BOARDS = 100

TOLD = 3
"""Boards whose history a failure tells, from their first row to the last."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of one that is new."""
    if request.param == "sqlite":
        yield DATABASE
    else:
        with schema_url() as url:
            yield url


@pytest.mark.system
def test_kills_lose_nothing_and_strand_nobody(tmp_path: Path, database: str) -> None:
    began, planned = time.monotonic(), plan(SEED, BOARDS, KILLS)
    with campaign(planned, tmp_path, database) as over:
        found = evidence(over, planned)
        _, answer = over.lab.ask("/api/v1/relay-boards")
    print(summary(found, time.monotonic() - began))
    wrong = {name: board for name, board in found.items() if board.wrong()}
    assert not wrong, f"seed {SEED}:\n" + tell(wrong)
    assert [owed for rack in answer["relay_boards"] for owed in rack["owed"]] == []


def evidence(over: Campaign, plan: Plan) -> dict[str, Evidence]:
    lab = over.lab
    # What boards do is written down a moment after they do it.
    lab.simulator.read_for(5 * DELAY_SECONDS)
    log = (lab.directory / "simulator.log").read_text()
    logs, lives = read_log(log, plan_boards(plan.boards)), lab.boards()
    return {
        board["name"]: Evidence(
            expected=plan.expected[board["name"]],
            state=board["state"],
            strikes={state: of["count"] for state, of in board["strikes"].items()},
            life=lives[board["name"]],
            asked=over.asked[board["name"]],
            log=logs[board["name"]],
            history=lab.history(board["name"]),
        )
        for board in lab.summaries()
    }


def summary(found: Mapping[str, Evidence], seconds: float) -> str:
    boards = list(found.values())
    events = sum(board.log.acknowledged.total() for board in boards)
    repeats = sum(board.log.repeated.total() for board in boards)
    requests = sum(len(board.asked.accepted) for board in boards)
    again = sum(board.asked.repeated for board in boards)
    unanswered = sum(board.asked.unanswered for board in boards)
    faults = sum(board.log.hangs + board.log.sticks for board in boards)
    rows = sum(len(board.history) for board in boards)
    return (
        f"\n{KILLS} kills in {seconds:.0f} s: {events} events acknowledged and "
        f"{repeats} repeated, {requests} requests accepted, {again} repeated and "
        f"{unanswered} unanswered, {faults} faults, {rows} rows of history"
    )


def tell(wrong: Mapping[str, Evidence]) -> str:
    """What is wrong, and the fates of some boards, to find out why."""
    lines = [f"{name}: {'; '.join(board.wrong())}" for name, board in wrong.items()]
    for name, board in islice(wrong.items(), TOLD):
        lines += [f"\n{name}:", *map(tell_row, board.history)]
    return "\n".join(lines)


def tell_row(row: Row) -> str:
    return (
        f"{row['at']} {row['from_state']} -- {row['event']} --> {row['to_state']}"
        f" {row['outcome']}, generation {row['generation']} {row['reason']}"
    )
