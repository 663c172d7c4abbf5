"""Evidence and incidents in a real database: saved with what they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace

from lifeguard.model import (
    Cause,
    Change,
    Evidence,
    HistoryRow,
    Incident,
    IncidentPlace,
    Judgement,
    Notice,
    Standing,
)
from tests.postgres import KINDS, fresh_url
from tests.test_store import NOON, Rig, reloaded, result, rig


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def opened(url: str) -> Iterator[Rig]:
    parts = rig(url)
    yield parts
    parts.close()


def evidence(
    seconds: float,
    image: str | None = "new",
    verdict: Literal["well", "failed", "given-up"] = "failed",
) -> Evidence:
    return Evidence(
        at=NOON + timedelta(seconds=seconds),
        seconds=seconds,
        board="b1",
        state="ReimageBooting",
        verdict=verdict,
        about="install",
        image=image,
    )


def say(opened: Rig, *said: Evidence) -> None:
    """Each as a part of a change of the board."""
    for version, each in enumerate(said, start=1):
        after = Standing(board="b1", state="Ready", since=NOON, version=version)
        row = HistoryRow(
            at=NOON,
            board="b1",
            event="timeout",
            source="timer",
            outcome="moved",
            from_state="ReimageBooting",
            to_state="ReimageRebooting",
            generation=1,
        )
        result(opened.store.commit(Change(after=after, row=row, evidence=each)))


def incident(number: int, **fields: object) -> Incident:
    made = Incident(
        id=number,
        cause=Cause("relay-board", f"rack{number}"),
        opened=NOON,
        since=100.0,
        boards=("b1", "b2"),
        failing=("b2",),
        text=f"relay board rack{number}: it fails",
    )
    return replace(made, **fields)


def read(opened: Rig, since: float, until: float, after: int = 0) -> list[float]:
    found = result(opened.store.evidence(after, since, until, 2))
    return [each.seconds for _, each in found]


def test_evidence_is_saved_with_its_change_and_read_by_its_time(opened: Rig) -> None:
    say(opened, evidence(10), evidence(20, None, "well"), evidence(30), evidence(40))
    found = result(opened.store.evidence(0, 20.0, 35.0, 10))
    assert found == [(2, evidence(20, None, "well")), (3, evidence(30))]
    assert read(opened, 0, 100) == [10, 20]
    assert read(opened, 0, 100, after=2) == [30, 40]


def test_old_evidence_is_forgotten(opened: Rig) -> None:
    say(opened, evidence(10), evidence(20))
    result(opened.store.forget_evidence(20.0))
    assert read(opened, 0, 100) == [20]


def test_an_incident_is_saved_with_its_notices_and_saved_anew(
    opened: Rig, url: str
) -> None:
    notice = Notice(at=NOON, board="rack1", text="incident 1: it fails")
    result(opened.store.save_incident(Judgement(incident(1), (notice,))))
    grown = incident(1, boards=("b1", "b2", "b3"), failing=("b2", "b3"), broken=True)
    result(opened.store.save_incident(Judgement(grown)))
    saved = reloaded(url)
    assert (saved.incidents, saved.last_incident) == ((grown,), 1)
    assert [each.text for each in saved.notices] == ["incident 1: it fails"]


def test_a_closed_incident_is_not_resumed_but_its_id_is_known(
    opened: Rig, url: str
) -> None:
    result(opened.store.save_incident(Judgement(incident(7, closed=NOON))))
    saved = reloaded(url)
    assert (saved.incidents, saved.last_incident) == ((), 7)


def test_an_image_that_is_taken_back_has_nothing_held_against_it(opened: Rig) -> None:
    say(opened, evidence(10), evidence(20, "other"), evidence(30, "new", "well"))
    cause = Cause("image", "new")
    result(opened.store.save_incident(Judgement(incident(1, cause=cause))))
    assert read(opened, 0, 100) == [10, 20]
    closed = incident(1, cause=cause, closed=NOON)
    result(opened.store.save_incident(Judgement(closed)))
    assert read(opened, 0, 100) == [20, 30]


def test_open_incidents_come_first_and_pages_go_on_from_a_place(opened: Rig) -> None:
    for number in range(1, 6):
        closed = NOON if number in (2, 5) else None
        judgement = Judgement(incident(number, closed=closed))
        result(opened.store.save_incident(judgement))

    def page(limit: int, after: IncidentPlace | None = None) -> list[int]:
        return [each.id for each in result(opened.store.incidents(limit, after))]

    assert page(10) == [4, 3, 1, 5, 2]
    assert page(2) == [4, 3]
    assert page(2, IncidentPlace(False, 3)) == [1, 5]
    assert page(2, IncidentPlace(True, 5)) == [2]
