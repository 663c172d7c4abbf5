"""A relay board that answers anything: more of it than a real one has time for."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lifeguard.model import Outlet, RelayBoard
from lifeguard.power.condition import BROKEN_SECONDS, LAST_PROBE_SECONDS
from lifeguard.power.drivers.proxr import Proxr
from lifeguard.power.queue import RelayBoardQueue
from lifeguard.power.step import STEP_SECONDS
from lifeguard.wire.proxr import Dialect
from tests.fake_relay_board import FakeRelayBoard
from tests.hostile import Liar

pytestmark = pytest.mark.system

COMMANDS = 15_000
"""Of each dialect; some have thousands of bytes for an answer."""

LIMIT_SECONDS = BROKEN_SECONDS + LAST_PROBE_SECONDS + 2 * STEP_SECONDS
"""Suspected for so long, then a pause, and a test and a request at the slowest."""

OUTLET = Outlet("rack1", "1/1")


class LyingEndpoint(FakeRelayBoard):
    """The other end of a queue's connections, which answers as a liar does."""

    def __init__(self, clock: Clock, liar: Liar) -> None:
        super().__init__(clock, round_trip=0.01)
        self._liar = liar

    def see(self, what: str) -> None:
        """There is too much of it."""

    def obey(self, packet: bytes) -> list[bytes]:
        return self._liar.answer(packet)


def outcome_of(switching: Deferred[None], clock: Clock) -> str:
    """What becomes of a request, which must be before its time is over."""
    results: list[object] = []
    switching.addBoth(results.append)
    deadline = clock.seconds() + LIMIT_SECONDS
    while not results:
        clock.advance(min(call.getTime() for call in clock.calls) - clock.seconds())
        assert clock.seconds() <= deadline
    return getattr(results[0], "type", type(None)).__name__


@pytest.mark.parametrize("dialect", ["classic", "advanced"])
def test_whatever_it_answers_a_request_succeeds_or_fails_in_time(
    dialect: Dialect,
) -> None:
    clock, liar = Clock(), Liar(Random(dialect), dialect)
    record = RelayBoard(name="rack1", driver="proxr", address="192.0.2.10:2101")
    device = Proxr(clock, LyingEndpoint(clock, liar), dialect, linger=3.0)
    queue = RelayBoardQueue(clock, record, device)
    outcomes: Counter[str] = Counter()
    while liar.answered < COMMANDS:
        switching = queue.switch(OUTLET, on=liar.answered % 2 == 0)
        outcomes[outcome_of(switching, clock)] += 1
    short = {"ShortAnswer"} if dialect == "advanced" else set()
    assert set(outcomes) == short | {
        "NoneType",
        "ForeignAnswer",
        "NoAnswer",
        "NotSwitched",
        "ReadsDisagree",
        "SurplusAnswer",
        "Ill",
    }
    liar.honest = True
    assert outcome_of(queue.switch(OUTLET, on=True), clock) == "NoneType"
    assert liar.relays_on == set()
    queue.close()
    clock.advance(1)
    assert clock.calls == []
