"""`python -m lifeguard.simulator --virtual`: a lab in virtual time, and its report."""

from __future__ import annotations

import gc
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, cast

from twisted.logger import globalLogBeginner

from lifeguard.simulator.plan import MOST_BOARDS
from lifeguard.simulator.virtual.plan import DAY, Plan
from lifeguard.simulator.virtual.run import live, shorten
from lifeguard.simulator.virtual.verdict import RuleBroken

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from twisted.logger import ILogObserver

    from lifeguard.simulator.virtual.lab import Lab

OPTION = "--virtual"
MOST_DAYS = 3650.0
WIDTH = 40
"""Of the progress bar, in characters."""


def main(arguments: list[str], seconds: Callable[[], float]) -> None:
    """Live through what the command line asks for; SystemExit when a rule is broken.

    `seconds` measures how long that takes.
    """
    plan = parse_plan(arguments)
    begin_quietly()
    began = seconds()
    bar = ProgressBar(sys.stderr, plan, seconds)
    try:
        lab = live(plan, bar.show)
    except RuleBroken as broken:
        bar.end()
        print("a rule is broken; looking for a shorter history", file=sys.stderr)
        sys.exit(str(shorten(broken)))
    bar.end()
    print(lab.tally.report(plan, lab.steps, seconds() - began))


def begin_quietly() -> None:
    """A thousand boards say much in a month; the rules hear of every failure."""
    nobody = cast("ILogObserver", lambda event: None)
    globalLogBeginner.beginLoggingTo([nobody], redirectStandardIO=False)
    gc.set_threshold(100_000, 50, 100)  # nearly all of a lab lives on


def parse_plan(arguments: list[str]) -> Plan:
    """What the command line asks for; SystemExit with a line for a mistake."""
    parser = ArgumentParser(
        prog="python -m lifeguard.simulator",
        description="Live through a lab in virtual time, and check the rules.",
    )
    parser.add_argument(OPTION, action="store_true", required=True)
    parser.add_argument("--boards", type=_boards, default=12, metavar="N")
    parser.add_argument("--days", type=_days, default=1.0, metavar="D")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parsed = parser.parse_args(arguments)
    return Plan(seed=parsed.seed, boards=parsed.boards, days=parsed.days)


class ProgressBar:
    """How far a lab has come, on one line of a terminal; silent elsewhere."""

    def __init__(
        self, terminal: TextIO, plan: Plan, seconds: Callable[[], float]
    ) -> None:
        self._terminal, self._plan, self._seconds = terminal, plan, seconds
        self._began, self._visible = seconds(), terminal.isatty()

    def show(self, lab: Lab) -> None:
        if not self._visible:
            return
        days = lab.clock.seconds() / DAY
        share = days / self._plan.days
        took = self._seconds() - self._began
        left = took / share - took if share else 0.0
        bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
        self._terminal.write(
            f"\r{bar} day {days:.1f} of {self._plan.days:g},"
            f" {lab.tally.recoveries} recoveries, {left:.0f} s left \x1b[K"
        )
        self._terminal.flush()

    def end(self) -> None:
        if self._visible:
            self._terminal.write("\n")


def _boards(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_BOARDS:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_BOARDS}")
    return int(text)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= MOST_DAYS:
        raise ArgumentTypeError(f"{text!r} is not a number up to {MOST_DAYS:g}")
    return days
