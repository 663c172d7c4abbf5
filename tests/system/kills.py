"""A daemon that is killed again and again while all its boards are being reimaged.

Everything here comes from one seed: which boards are dead and how far they come,
which faults the simulator makes, and when each daemon is killed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from random import Random
from signal import SIGKILL, SIGTERM
from typing import NamedTuple

from lifeguard.simulator.plan import plan_boards
from tests.process_lab import LIMIT, ProcessLab, process_lab

from .kills_driver import Asked, Driver
from .kills_evidence import ATTEMPTS

DEAD = {
    "loader": "FailedReimageBooting",
    "installer": "FailedReimageInstalling",
    "system": "FailedReimageComplete",
}
"""How far a dead board comes, and where a reimage must leave it."""

FAULTS = "hang=0.005,die=0.005,relay=0.003"
"""So rare that no other board meets three of a kind between two stays in Ready."""

_FIGURES = f"timeout = 12\nattempts = {ATTEMPTS}"
"""A board waits up to 1 s between two tries, and a TFTP client notices after 3 s that
its server is gone: 12 s of a daemon's running are more than a healthy board needs."""

_MOVES = [
    "rq-reimage",
    "power-cycle-ok",
    "installer-running",
    "install-ok",
    "image-running",
]

OPEN = "http listens on"


class Kill(NamedTuple):
    """`seconds` after a line of the daemon's log, or after its start, it is killed.

    With `stopping` it is told to stop then, and killed so many seconds later. One that
    is `answering` is killed as soon as somebody has an answer from it.
    """

    line: str | None
    seconds: float = 0.0
    stopping: float | None = None
    answering: bool = False


def _starting(random: Random) -> Kill:
    return Kill(None, random.uniform(0, 1.5))


def _resuming(random: Random) -> Kill:
    return Kill(OPEN, random.uniform(0, 0.1))


def _working(random: Random) -> Kill:
    return Kill(OPEN, random.uniform(0, 4))


def _moving(random: Random) -> Kill:
    return Kill(f"-- {random.choice(_MOVES)} -->", random.uniform(0, 0.005))


def _answering(random: Random) -> Kill:
    return Kill(OPEN, answering=True)


def _stopping(random: Random) -> Kill:
    return Kill(OPEN, random.uniform(0.5, 3), stopping=random.uniform(0, 0.5))


_MOMENTS: list[Callable[[Random], Kill]] = [
    _starting, _resuming, _working, _working, _moving, _moving, _answering, _stopping,
]  # fmt: skip


class Plan(NamedTuple):
    """What a seed makes of a campaign."""

    seed: int
    boards: int
    kills: list[Kill]
    dead: dict[str, str]
    """How far each dead board comes."""

    @property
    def expected(self) -> dict[str, str]:
        """The state in which every board must stand in the end."""
        names = [board.name for board in plan_boards(self.boards)]
        return {name: DEAD.get(self.dead.get(name, ""), "Ready") for name in names}

    @property
    def arguments(self) -> list[str]:
        """The simulator's."""
        dead = [f"--dead={name}={stage}" for name, stage in self.dead.items()]
        return [
            *("--boards", str(self.boards), "--seed", str(self.seed)),
            *("--faults", FAULTS, "--netretry", *dead),
        ]


def plan(seed: int, boards: int, kills: int) -> Plan:
    """The campaign of `seed`: one board in sixteen is dead, at least three."""
    random = Random(seed)
    names = [board.name for board in plan_boards(boards)]
    dead = random.sample(names, max(len(DEAD), boards // 16))
    return Plan(
        seed,
        boards,
        [random.choice(_MOMENTS)(random) for _ in range(kills)],
        dict(zip(dead, cycle(DEAD), strict=False)),
    )


class Campaign(NamedTuple):
    """A lab after all its kills, with a daemon that shows what is left."""

    lab: ProcessLab
    asked: dict[str, Asked]


@contextmanager
def campaign(plan: Plan, directory: Path, database: str) -> Iterator[Campaign]:
    """Everything that is planned, done; boards have had time to come to rest."""
    arguments = (*plan.arguments, "--database", database)
    with process_lab(directory, *arguments) as lab:
        inventory = directory / "boards.toml"
        figures = re.sub(r"timeout = \d+", _FIGURES, inventory.read_text())
        inventory.write_text(figures)
        driver = Driver(lab.url, plan.expected)
        with ThreadPoolExecutor(1) as thread, driver:
            driving = thread.submit(driver.run)
            for kill in plan.kills:
                _strike_down(lab, driver, kill)
            daemon = lab.start()
            driver.stop()
            while not driving.done():
                daemon.read_for(0.1)
            driving.result()
        _come_to_rest(lab, plan.expected)
        yield Campaign(lab, driver.asked)


def _strike_down(lab: ProcessLab, driver: Driver, kill: Kill) -> None:
    daemon = lab.launch()
    if kill.line is not None:
        daemon.wait_for(kill.line)
    daemon.read_for(kill.seconds)
    if kill.answering:
        driver.answered = daemon.process.kill
        daemon.leave()
    if kill.stopping is not None:
        daemon.process.send_signal(SIGTERM)
        daemon.read_for(kill.stopping)
    status = daemon.end(SIGKILL)
    with (lab.directory / "daemons.log").open("a") as log:
        log.writelines(f"{line}\n" for line in [*daemon.lines, f"{kill}: {status}"])
    assert status == -SIGKILL or kill.stopping is not None, daemon.lines[-40:]


def _come_to_rest(lab: ProcessLab, expected: dict[str, str]) -> None:
    """Wait, but not for ever: who finds a board elsewhere has more to tell of it."""
    assert lab.daemon is not None
    for _ in range(round(LIMIT)):
        if lab.states() == expected:
            return
        lab.daemon.read_for(1)
