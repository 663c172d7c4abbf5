"""How late timers come when 10,000 boards are polled again and again by TCP.

Every timer of the fleet and of its polls is measured: by a clock that stands before
the reactor's, and by deadlines that stand before lifeguard's. The peer is one timer
that is always due soon, and nothing else to do.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from twisted.internet.task import deferLater, react

from benchmarks.answering import answering
from benchmarks.fleet import log_to, stand
from benchmarks.lab import write_lab
from benchmarks.report import Figure, arguments, percentile, show
from lifeguard.deadlines import Deadlines
from lifeguard.health.network import Network, board_agent
from lifeguard.health.pinger import Pinger

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from benchmarks.lab import Lab
    from benchmarks.report import Run

FIGURES = (
    Figure("idle: half of the timers", "ms late"),
    Figure("idle: 99 of 100", "ms late"),
    Figure("idle: the latest", "ms late"),
    Figure("half of the timers", "ms late", peer="idle: half of the timers"),
    Figure("99 of 100", "ms late", peer="idle: 99 of 100", goal="50"),
    Figure("the latest", "ms late", peer="idle: the latest"),
    Figure("timers a second", "/ s"),
)

IDLE_SECONDS = 2.0


class LateClock:
    """The reactor, but that `callLater` notes how late each call comes."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.late: list[float] = []
        """Milliseconds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def callLater(
        self, delay: float, function: Callable[..., object], *arguments: Any
    ) -> IDelayedCall:
        due = self._reactor.seconds() + delay

        def call() -> None:
            self.late.append((self._reactor.seconds() - due) * 1000)
            function(*arguments)

        timer: IDelayedCall = self._reactor.callLater(delay, call)
        return timer


class LateDeadlines(Deadlines):
    """Lifeguard's, but that its `LateClock` is told how late each call comes."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._due: dict[Callable[[], object], float] = {}

    def put(self, function: Callable[[], object], seconds: float) -> None:
        self._due[function] = self._clock.seconds() + seconds
        super().put(function, seconds)

    def _call(self, function: Callable[[], object]) -> None:
        late = self._clock.seconds() - self._due.pop(function)
        self._clock.late.append(late * 1000)  # type: ignore[attr-defined]
        super()._call(function)


async def main(reactor: Any) -> None:
    chosen = arguments(__doc__, runs=3, boards=10_000, every=20)
    reactor.seconds = time.monotonic
    with TemporaryDirectory() as name, answering() as port:
        log_to(Path(name, "log"))
        lab = write_lab(
            Path(name, "lab"),
            chosen.boards,
            states=("Ready",),
            polled=port,
            every=float(chosen.every),
        )
        runs = [
            await once(LateClock(reactor), lab, chosen.every)
            for _ in range(chosen.runs)
        ]
    show(FIGURES, runs)


async def once(clock: Any, lab: Lab, every: float) -> Run:
    """All boards are polled once, closer together than later; then it counts.

    `clock` is a `LateClock`.
    """
    await idle(clock)
    before, clock.late = clock.late, []
    probes = Network(clock, Pinger(clock), board_agent(clock))
    with (
        patch("lifeguard.fleet.Deadlines", LateDeadlines),
        patch("lifeguard.health.poller.Deadlines", LateDeadlines),
    ):
        standing = await stand(clock, lab, probes)
    await deferLater(clock, every)
    clock.late = []
    await deferLater(clock, every)
    await standing.stop()
    return {**_lateness("idle: ", before), **_lateness("", clock.late)} | {
        "timers a second": len(clock.late) / every
    }


async def idle(clock: Any) -> None:
    end = clock.seconds() + IDLE_SECONDS
    while clock.seconds() < end:
        await deferLater(clock, 0.002)


def _lateness(when: str, late: list[float]) -> Run:
    return {
        f"{when}half of the timers": percentile(late, 0.5),
        f"{when}99 of 100": percentile(late, 0.99),
        f"{when}the latest": max(late),
    }


if __name__ == "__main__":
    react(main)
