"""Virtual labs in which boards fail by what they share: who is blamed for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import fields, replace

from lifeguard.blame.docket import Docket
from lifeguard.blame.images import ImageCase, ImageRule
from lifeguard.blame.incidents import Incidents
from lifeguard.blame.inquiry import Inquiry
from lifeguard.blame.together import TogetherCase, TogetherRule
from lifeguard.fleet import Fleet
from lifeguard.model import Cause, Saved
from lifeguard.power.condition import State
from lifeguard.simulator.virtual.lab import Lab
from lifeguard.simulator.virtual.observer import Operation
from lifeguard.simulator.virtual.plan import DAY, HOUR, Plan, Troubles
from lifeguard.simulator.virtual.run import live
from lifeguard.simulator.virtual.verdict import RuleBroken

QUIET = Troubles(**{field.name: 0.0 for field in fields(Troubles)})
ILL = replace(
    QUIET,
    brownouts=3.0,
    bad_images=3.0,
    relay_outages=3.0,
    requests=8.0,
    kills=10.0,
    stops=2.0,
)


def plan(troubles: Troubles, seed: int = 1) -> Plan:
    """Three relay boards of eight boards, and one that feeds two of these."""
    return Plan(seed=seed, boards=24, days=1, troubles=troubles)


def blamed(lab: Lab) -> set[str]:
    """What incidents have been opened on, by kind."""
    return {kind for kind, count in lab.tally.incidents.items() if count}


# Who is blamed.


@pytest.mark.parametrize("seed", [1, 2])
def test_only_what_is_ill_is_blamed_where_nothing_fails_by_chance(seed: int) -> None:
    lab = live(plan(ILL, seed))
    assert blamed(lab) >= {"image", "relay-board"}
    assert lab.tally.excused
    assert lab.rules.guilt.by_chance == {}


@pytest.mark.parametrize("trouble", ["brownouts", "relay_outages"])
def test_whom_a_relay_board_fails_is_no_incident_of_its_own(trouble: str) -> None:
    lab = live(plan(replace(QUIET, requests=8.0, **{trouble: 3.0})))
    assert blamed(lab) == {"relay-board"}
    assert lab.rules.guilt.by_chance == {}


# One relay board, and what becomes of its incident.

RACK = Cause("relay-board", "rack2")


def rig() -> Lab:
    """A lab whose boards run, and have been rebooted."""
    lab = Lab(plan(QUIET))
    lab.switch_on()
    lab.run_until(202)
    reboot(lab, *lab.boards)
    lab.run_until(HOUR)
    return lab


def reboot(lab: Lab, *boards: str) -> None:
    assert lab.life is not None
    for board in boards:
        lab.life.fleet.request(board, "rq-reboot", {}, "test")


def starving() -> Lab:
    """The relay board switches its boards on, and none of them boots."""
    lab = rig()
    lab.ailments.begin(RACK)
    for board in lab.ailments.fed_by(RACK):
        lab.boards[board].reset()
    return lab


def broken_and_killed() -> Lab:
    """Boards wait for the relay board; it is there again before the next daemon is."""
    lab = rig()
    lab.racks[RACK.name].reachable = False
    reboot(lab, *lab.ailments.fed_by(RACK))
    lab.run_until(HOUR + 300)
    assert [each.broken for each in lab.disk.durable.incidents.values()] == [True]
    lab.kill("for the test")
    lab.racks[RACK.name].reachable = True
    return lab


def standing(lab: Lab) -> Counter[str]:
    """How many of its boards are in each state."""
    standings = lab.disk.durable.standings
    return Counter(standings[board].state for board in lab.ailments.fed_by(RACK))


def is_well(lab: Lab) -> bool:
    return not lab.disk.durable.incidents and set(standing(lab)) == {"Ready"}


@pytest.mark.parametrize("where", ["judged", "judgement heard"])
def test_killed_beside_its_judgement_a_daemon_goes_by_what_is_saved(
    where: Operation,
) -> None:
    lab = starving()
    killed: list[str] = []

    def reached(operation: Operation, what: str) -> bool:
        if killed or operation != where:
            return False
        killed.append(what)
        return True

    lab.reached = reached
    lab.run_until(DAY / 2)
    assert killed == ["relay board rack2"]
    [incident] = lab.disk.durable.incidents.values()
    assert sorted(incident.failing) == sorted(lab.ailments.fed_by(RACK))
    assert lab.tally.incidents == {"relay-board": 1}
    lab.ailments.end(RACK)
    lab.run_until(DAY / 2 + HOUR)
    assert is_well(lab)


def test_whom_an_incident_excuses_is_given_up_when_its_patience_is_over() -> None:
    lab = starving()
    lab.run_until(DAY)
    assert not lab.tally.failures
    assert lab.tally.excused > 100
    lab.run_until(1.5 * DAY)
    assert standing(lab) == {"FailedRebootComplete": 8}


def test_a_relay_board_that_works_again_after_a_kill_is_broken_no_more() -> None:
    lab = broken_and_killed()
    lab.run_until(5 * HOUR)
    assert is_well(lab)
    assert lab.tally.strikes == 0


# What is broken on purpose is caught.


def _accuse_any_image(
    self: ImageRule, image: str, now: float, is_well: object
) -> ImageCase | None:
    [(board, failed), *_] = self._failures[image].items()
    return ImageCase(image, {board: "another"}, failed[0].state, failed[0].at)


def _accuse_any_other(self: TogetherRule, board: str) -> TogetherCase | None:
    cause = self._statuses[board].causes[0]
    return TogetherCase(cause, (board,), 1, 0, 0)


_relay_board_is, _load = Incidents.relay_board_is, Fleet.load


def _never_works(self: Incidents, name: str, state: State, why: str) -> None:
    if state != "Working":
        _relay_board_is(self, name, state, why)


def _load_no_incidents(self: Fleet, saved: Saved, power: Any) -> None:
    _load(self, replace(saved, incidents=()), power)


def nothing(self: object, *_: object, **__: object) -> None:
    """Left undone."""


BROKEN: list[tuple[type, str, Any, str]] = [
    (Docket, "blamed", nothing, "rule 4 .* the history tells"),
    (ImageRule, "judge", _accuse_any_image, "rule 10 .* it is innocent"),
    (TogetherRule, "judge", _accuse_any_other, "rule 10 .* it is innocent"),
    (Incidents, "recovered", nothing, "rule 10 .* an incident tells that it fails"),
    (Incidents, "relay_board_is", _never_works, "rule 10 .* broken relay board"),
    (Incidents, "follow", nothing, "rule 10 .* no incident tells of it"),
    (Incidents, "is_blamed_on", nothing, "rule 10 .* by two incidents at once"),
    (Inquiry, "_saved", nothing, "rule 10 .* the daemon does not know"),
    (Inquiry, "_take_away_image", nothing, "rule 10 .* is given away"),
    (Fleet, "load", _load_no_incidents, "rule 10 .* were loaded"),
]


@pytest.mark.parametrize(("where", "name", "broken", "caught"), BROKEN)
def test_blame_that_is_ill_laid_is_caught(
    where: type,
    name: str,
    broken: Any,
    caught: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(RuleBroken, match=caught):
        live(plan(ILL))


def test_a_patience_without_end_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Docket, "excuses", lambda self, incident, now: True)
    lab = starving()
    with pytest.raises(RuleBroken, match=r"rule 4 .* the history tells"):
        lab.run_until(2 * DAY)


def test_an_incident_that_a_power_cycle_does_not_end_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Incidents, "has_cycled", nothing)
    lab = broken_and_killed()
    with pytest.raises(RuleBroken, match=r"rule 10 .* by a broken relay board"):
        lab.run_until(5 * HOUR)
