"""Labs in virtual time: no rule is broken in them, unless the code breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from twisted.logger import LogEvent

from lifeguard import turns
from lifeguard.board import ManagedBoard
from lifeguard.effects import Effects
from lifeguard.health.brake import Brake
from lifeguard.model import Inventory, Owed
from lifeguard.power import Power
from lifeguard.simulator.virtual import command
from lifeguard.simulator.virtual import lab as lab_module
from lifeguard.simulator.virtual.lab import Lab
from lifeguard.simulator.virtual.life import InjectedFault
from lifeguard.simulator.virtual.observer import Operation
from lifeguard.simulator.virtual.plan import (
    DAY,
    HOUR,
    IMAGE,
    Plan,
    Troubles,
    inventory,
)
from lifeguard.simulator.virtual.run import live, shorten
from lifeguard.simulator.virtual.verdict import RuleBroken
from lifeguard.store import answers
from lifeguard.timekeeper import Timekeeper

QUIET = Troubles(**{field.name: 0.0 for field in fields(Troubles)})
HARD = Troubles(
    kills=150,
    stops=15,
    store_outages=40,
    lost_answers=0.05,
    network_outages=10,
    clock_jumps=20,
    relay_outages=5,
    brownouts=3,
    bad_images=6,
    sticking=0.1,
    mute=0.1,
    unorderable=0.05,
    requests=8,
    failures=4,
    hang=0.15,
    die=0.3,
    lie=0.2,
    lost=0.1,
    late=0.2,
    slow=0.2,
    weak=0.2,
    dead=0.1,
)


@pytest.fixture(autouse=True)
def expects_injected_faults(logged_failures: list[LogEvent]) -> Iterator[None]:
    """What the simulation breaks on purpose is logged, and is no failure here."""
    yield
    logged_failures[:] = [
        event
        for event in logged_failures
        if not event["log_failure"].check(InjectedFault)
    ]


def rig(boards: int = 2, troubles: Troubles = QUIET) -> Lab:
    """A lab whose boards run, where nobody wants anything."""
    lab = Lab(Plan(seed=1, boards=boards, days=1, troubles=troubles))
    lab.switch_on()
    lab.run_until(202)  # between two writes of the service seconds
    return lab


def reimage(lab: Lab) -> None:
    """Ask for all boards in one instant."""
    life = lab.life
    assert life is not None
    for name in lab.boards:
        asked = life.fleet.request(name, "rq-reimage", {"image": IMAGE}, "test")
        asked.addErrback(lambda failure: None)


def states(lab: Lab) -> dict[str, str]:
    return {name: each.state for name, each in lab.disk.durable.standings.items()}


def off(lab: Lab) -> list[str]:
    return [str(outlet) for rack in lab.racks.values() for outlet in sorted(rack.off)]


def assert_all_is_well(lab: Lab) -> None:
    assert set(states(lab).values()) <= {"Ready"}
    assert off(lab) == []
    assert lab.disk.durable.owed == {}


# No rule is broken.


def test_a_quiet_day_brings_every_board_to_ready_and_no_strike() -> None:
    lab = live(Plan(seed=1, boards=3, days=1, troubles=QUIET))
    assert_all_is_well(lab)
    assert (lab.tally.strikes, lab.tally.cycles, lab.tally.recoveries) == (0, 3, 0)


def troubles() -> st.SearchStrategy[Troubles]:
    """Each trouble not at all, or hard."""
    return st.builds(
        Troubles,
        **{
            field.name: st.sampled_from([0.0, getattr(HARD, field.name)])
            for field in fields(Troubles)
        },
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32), st.integers(3, 6), st.floats(0.05, 0.5), troubles())
def test_no_rule_is_broken_in_a_small_lab(
    seed: int, boards: int, days: float, troubles: Troubles
) -> None:
    live(Plan(seed=seed, boards=boards, days=days, troubles=troubles))


@pytest.mark.parametrize("seed", range(8))
def test_no_rule_is_broken_when_each_thing_takes_a_turn_of_its_own(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (turns, answers):
        monkeypatch.setattr(module, "TURN_SECONDS", 0.0)
    live(Plan(seed=seed, boards=5, days=0.5, troubles=HARD))


@pytest.mark.parametrize("seed", [1, 2])
def test_no_rule_is_broken_where_idle_boards_are_switched_off(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def where_boards_go_idle(planned: Plan) -> Inventory:
        lab = inventory(planned)
        boards = lab.boards.items()
        idle = {name: replace(board, idle_off=HOUR / 4) for name, board in boards}
        return replace(lab, boards=idle)

    monkeypatch.setattr(lab_module, "inventory", where_boards_go_idle)
    seldom_wanted = replace(HARD, requests=1.0)
    lab = live(Plan(seed=seed, boards=5, days=0.5, troubles=seldom_wanted))
    rows = [row for name in lab.boards for row in lab.disk.durable.history(name)]
    assert ("rq-power-off", "policy") in {(row.event, row.source) for row in rows}


def test_a_seed_tells_the_same_story_again() -> None:
    plan = Plan(seed=7, boards=4, days=0.5, troubles=HARD)
    one, other = live(plan), live(plan)
    assert one.steps == other.steps
    assert one.disk.durable.standings == other.disk.durable.standings
    assert one.tally.outcomes == other.tally.outcomes


def test_a_large_lab_leaps_over_polls_and_recovers_all_the_same() -> None:
    lab = live(Plan(seed=1, boards=110, days=1, troubles=Troubles(failures=2.0)))
    assert lab.tally.recoveries > 50


# Crash points, forced one by one.


def killed_at(wanted: Callable[[Operation, str], bool]) -> Lab:
    """Two boards that are reimaged; the daemon dies at the first such operation."""
    lab = rig()
    killed: list[Operation] = []

    def reached(operation: Operation, board: str) -> bool:
        if killed or not wanted(operation, board):
            return False
        killed.append(operation)
        return True

    lab.reached = reached
    reimage(lab)
    while lab.life is not None and lab.clock.step(HOUR):
        pass
    assert killed
    return lab


def test_killed_between_commit_and_effect_it_begins_the_effect_anew() -> None:
    lab = killed_at(lambda operation, board: operation == "written")
    rebooting = dict.fromkeys(lab.boards, "ReimageRebooting")
    assert states(lab) == rebooting, "both were written in one transaction"
    assert off(lab) == []
    assert len(lab.disk.durable.owed) == 3
    lab.run_until(2 * HOUR)
    assert states(lab)["sim-01"] == "Ready"
    rows = lab.disk.durable.history("sim-01")
    events = [row.event for row in rows if row.outcome in ("moved", "noted")]
    assert events[:4] == [
        "rq-reimage",
        "resume",
        "power-cycle-started",
        "power-cycle-ok",
    ]
    assert lab.disk.durable.standings["sim-01"].generation == 2


def test_killed_between_off_and_on_it_first_switches_on() -> None:
    lab = killed_at(lambda operation, board: operation == "switched")
    assert len(off(lab)) == 1
    asked: list[str] = []

    def reached(operation: Operation, board: str) -> bool:
        asked.append(operation)
        return False

    lab.reached = reached
    lab.run_until(2 * HOUR)
    switching = [operation for operation in asked if "asked" in operation]
    assert switching[0] == "on asked"
    assert_all_is_well(lab)
    assert lab.tally.strikes == 0


@pytest.mark.parametrize("where", ["written", "off asked", "switched"])
def test_killed_while_a_board_is_switched_off_it_is_switched_off(
    where: Operation,
) -> None:
    lab = rig()
    begin_a_cycle(lab)
    lab.reached = _once_being_switched_off(lab, where)
    want(lab, "rq-power-off")
    lab.run_until(HOUR)
    assert states(lab)["sim-01"] == "Off"
    assert off(lab) == ["rack1/1/1", "second1/1/1"]
    assert sorted(map(str, lab.disk.durable.owed)) == off(lab)
    want(lab, "rq-power-on")
    lab.run_until(2 * HOUR)
    assert_all_is_well(lab)


def want(lab: Lab, request: str) -> None:
    """Ask for the first board, until that is acknowledged."""
    asked = lab.uplink.request("sim-01", request, {})
    asked.addErrback(lambda failure: None)


def begin_a_cycle(lab: Lab) -> None:
    """Have a mark for the off to take away."""
    want(lab, "rq-reboot")
    while not lab.disk.durable.owed:
        assert lab.clock.step(HOUR)


def _once_being_switched_off(
    lab: Lab, wanted: Operation
) -> Callable[[Operation, str], bool]:
    left = [wanted]

    def reached(operation: Operation, board: str) -> bool:
        if operation not in left or states(lab).get(board) != "PoweringOff":
            return False
        left.remove(operation)
        return True

    return reached


def test_killed_between_two_boards_of_one_group_both_go_on() -> None:
    lab = rig(boards=3)
    answered: list[str] = []

    def reached(operation: Operation, board: str) -> bool:
        if operation == "answered":
            answered.append(board)
        return answered == ["sim-01", "sim-02"]

    lab.reached = reached
    reimage(lab)  # the first is a group of its own, the others are the next
    while lab.life is not None and lab.clock.step(HOUR):
        pass
    lab.reached = lambda operation, board: False
    assert states(lab) == dict.fromkeys(lab.boards, "ReimageRebooting")
    lab.run_until(2 * HOUR)
    assert_all_is_well(lab)


def test_killed_at_any_operation_every_board_comes_to_ready() -> None:
    operations = 0

    def count(operation: Operation, board: str) -> bool:
        nonlocal operations
        operations += 1
        return False

    lab = rig()
    lab.reached = count
    reimage(lab)
    lab.run_until(HOUR)
    assert operations > 50
    for number in range(operations):
        lab = killed_at(_after(number))
        lab.reached = lambda operation, board: False
        run_until_well(lab)
        assert_all_is_well(lab)
        assert not lab.tally.failures


def run_until_well(lab: Lab) -> None:
    """Until every board is Ready, or a day is over: a daemon may be down for hours."""
    while lab.clock.seconds() < DAY:
        lab.run_until(lab.clock.seconds() + HOUR / 4)
        if lab.life is not None and set(states(lab).values()) <= {"Ready"}:
            return


def _after(operations: int) -> Callable[[Operation, str], bool]:
    left = iter(range(operations))
    return lambda operation, board: next(left, None) is None


def test_an_orderly_stop_in_the_off_half_ends_with_the_board_on() -> None:
    lab = rig()
    stopping: list[str] = []

    def reached(operation: Operation, board: str) -> bool:
        if operation == "switched" and not stopping:
            stopping.append(board)
            lab.clock.callLater(0, lab.stop)
        return False

    lab.reached = reached
    reimage(lab)
    while lab.life is not None and lab.clock.step(HOUR):
        pass
    assert stopping
    assert off(lab) == []


# Rules broken on purpose are caught.


async def _effects_first(self: Any, step: Any) -> None:
    self._committed(step)
    await self._world.store.commit(step.change)


def _forget_own_events(self: Any, item: Any) -> None:
    self._astray = True
    self._refuse_callers()
    self._effects.disarm()
    self._look_up_later()


def _let_effects_raise(self: Any, standing: Any, effects: tuple[str, ...]) -> None:
    for effect in effects:
        getattr(self, effect)(standing)


def _forget_debts(self: Power, owed: tuple[Owed, ...]) -> None:
    """Never switch on what somebody is owed."""


BROKEN: list[tuple[int, type, str, Any]] = [
    (1, ManagedBoard, "_commit", _effects_first),
    (2, Effects, "leave", lambda self: None),
    (4, Effects, "arm", lambda self, standing, at_least: None),
    (5, ManagedBoard, "resume", lambda self: self._arm()),
    (6, Power, "owe", _forget_debts),
    (7, Effects, "begin", _let_effects_raise),
    (8, ManagedBoard, "_go_astray", _forget_own_events),
]


@pytest.mark.parametrize(("rule", "where", "name", "broken"), BROKEN)
def test_a_rule_broken_in_the_code_is_caught(
    rule: int,
    where: type,
    name: str,
    broken: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, broken)
    found = [_first_breach(seed) for seed in range(3)]
    assert rule in found, found


def _first_breach(seed: int) -> int | None:
    try:
        live(Plan(seed=seed, boards=5, days=1, troubles=HARD))
    except RuleBroken as caught:
        return caught.breach.rule
    return None


def test_two_changes_of_one_board_at_a_time_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = property(lambda self: False, lambda self, busy: None)
    monkeypatch.setattr(ManagedBoard, "_busy", never, raising=False)
    lab = rig()
    for _ in range(2):
        reimage(lab)
    with pytest.raises(RuleBroken, match="rule 3 broken"):
        lab.run_until(HOUR)


def test_a_brake_that_lets_everything_pass_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Brake, "passes", lambda self, board, now: True)
    outages = replace(QUIET, network_outages=24.0)
    with pytest.raises(RuleBroken, match="rule 9 broken"):
        live(Plan(seed=1, boards=120, days=1, troubles=outages))


def test_what_is_told_is_the_seed_the_moment_and_the_shortest_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Timekeeper, "_save", lambda self: None)
    monkeypatch.setattr(Effects, "arm", lambda self, standing, at_least: None)
    with pytest.raises(RuleBroken) as caught:
        live(Plan(seed=3, boards=5, days=1, troubles=HARD))
    shortest = shorten(caught.value)
    assert shortest.breach.rule == caught.value.breach.rule
    assert shortest.plan.only == (shortest.breach.board,)
    kept = [
        field.name
        for field in fields(Troubles)
        if getattr(shortest.plan.troubles, field.name)
    ]
    assert len(kept) < 5
    text = str(shortest)
    assert "seed 3" in text
    assert f"{shortest.seconds:.3f} s of virtual time" in text
    assert f"the last of the history of {shortest.breach.board}" in text
    assert "rq-reimage" in text


# The command.


def test_the_command_reports_what_became_of_the_lab(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "begin_quietly", lambda: None)
    moments = iter(range(1000))
    options = ["--virtual", "--boards", "3", "--days", "0.5", "--seed", "4"]
    command.main(options, lambda: float(next(moments)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "seed 4, 3 boards, 0.5 days: no rule broken"
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "recoveries",
        "failures",
        "strikes",
        "incidents",
        "out of service",
        "power cycles",
        "troubles",
        "events",
        "changes",
        "wall time",
    ]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        (["--boards", "0"], "'0' is not a number from 1 to 10000"),
        (["--days", "-1"], "'-1' is not a number up to 3650"),
        (["--days", "nan"], "'nan' is not a number up to 3650"),
        (["--seed", "one"], "invalid int value: 'one'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(
    options: list[str], mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.parse_plan(["--virtual", *options])
    assert mistake in capsys.readouterr().err.splitlines()[-1]


def test_days_are_days() -> None:
    lab = live(Plan(seed=1, boards=1, days=0.25, troubles=QUIET))
    assert lab.clock.seconds() == 0.25 * DAY


@pytest.mark.parametrize("seed", [1, 2])
def test_no_board_pays_for_its_relay_board(seed: int) -> None:
    troubles = replace(QUIET, relay_outages=20, requests=8, kills=10, stops=2)
    lab = live(Plan(seed=seed, boards=16, days=1, troubles=troubles))
    rows = [row for name in lab.boards for row in lab.disk.durable.history(name)]
    events = Counter(row.event for row in rows)
    assert min(events["power-cycle-held"], events["power-cycle-void"]) > 0
    assert [
        (row.event, row.reason)
        for row in rows
        if row.from_state.endswith("Rebooting") and "strike" in row.reason
    ] == []
    assert [str(row) for row in rows if row.event == "power-cycle-failed"] == []
