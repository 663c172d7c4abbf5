"""The wall clock jumps by hours, while lifeguard runs or is down: nobody notices."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.task import Clock

from lifeguard.clock import ServiceTime
from lifeguard.fleet import Fleet
from lifeguard.model import Saved
from lifeguard.tap import Options, makeService
from tests.rig import EPOCH, FakePoller, FakePower, FakeStore, Rig, inventory

HOUR = 3600.0
DOWN_SECONDS = 100.0

Jump = tuple[float, float]
"""At which second of the story the wall clock jumps, and by how many seconds."""


class Diary(list[Any]):
    """What was done, each thing with its moment."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def append(self, entry: Any) -> None:
        super().append((round(self._clock.seconds(), 3), *entry))


class Story:
    """A lab over whose daemons the wall clock jumps."""

    def __init__(self, jumps: Iterable[Jump] = ()) -> None:
        self._clock, self._offset = Clock(), 0.0
        self.diary = Diary(self._clock)
        self._store = FakeStore(self.diary)
        for at, seconds in jumps:
            self._clock.callLater(at, self._jump, seconds)

    def _jump(self, seconds: float) -> None:
        self._offset += seconds

    def start(self, service_seconds: float) -> Rig:
        service_time = ServiceTime(self._clock)
        service_time.start(service_seconds)
        power, poller = FakePower(self.diary), FakePoller(self.diary)
        fleet = Fleet(
            inventory(),
            self._store,
            poller,
            self._clock,
            service_time,
            lambda: EPOCH + timedelta(seconds=self._clock.seconds() + self._offset),
            resume_rate=64.0,  # its inverse is exact
        )
        saved = Saved(
            service_seconds=service_seconds, standings=dict(self._store.saved)
        )
        fleet.load(saved, power)
        fleet.startService()
        fleet.resume(saved, power)
        return Rig(
            self.diary, self._clock, self._store, power, poller, service_time, fleet
        )

    def pass_seconds(self, seconds: float) -> None:
        """One at a time, so that timers which were put off are met where they are."""
        self._clock.pump([1.0] * round(seconds))


def lived(jumps: Iterable[Jump] = ()) -> list[Any]:
    """All that is done in an hour, with the moments at which it is done."""
    story = Story(jumps)
    parts = story.start(0)
    parts.request("rq-reimage", "panda-01", image="debian")
    parts.cycled("panda-01")
    parts.happens("installer-running", "panda-01")
    parts.request("rq-reboot", "panda-02")
    story.pass_seconds(600)
    parts.cycled("panda-02")
    parts.happens("image-running", "panda-02")
    story.pass_seconds(200)
    parts.fleet.stopService()
    story.pass_seconds(DOWN_SECONDS)
    parts = story.start(parts.service_time.now() - DOWN_SECONDS)
    story.pass_seconds(600)
    parts.poller.watches["panda-02"].failed("no answer")
    story.pass_seconds(2100)
    parts.fleet.stopService()
    return list(story.diary)


STEADY = [
    (0.0, "owe"),
    (0.0, "commit", "panda-01", "rq-reimage", "ReimageRebooting"),
    (0.0, "cycle", "panda-01", 1, "rack1/1/1"),
    (0.0, "commit", "panda-01", "power-cycle-started", "ReimageRebooting"),
    (0.0, "commit", "panda-01", "power-cycle-ok", "ReimageBooting"),
    (0.0, "commit", "panda-01", "installer-running", "ReimageInstalling"),
    (0.0, "commit", "panda-02", "rq-reboot", "RebootRebooting"),
    (0.0, "cycle", "panda-02", 1, "rack1/1/2"),
    (600.0, "commit", "panda-02", "power-cycle-started", "RebootRebooting"),
    (600.0, "commit", "panda-02", "power-cycle-ok", "RebootComplete"),
    (600.0, "commit", "panda-02", "image-running", "Ready"),
    (600.0, "poll", "panda-02", "192.0.2.2", "ping"),
    (800.0, "stop polling", "panda-02"),
    (900.0, "owe"),
    (900.0, "poll", "panda-02", "192.0.2.2", "ping"),
    (1000.0, "commit", "panda-01", "timeout", "ReimageRebooting"),
    (1000.0, "cycle", "panda-01", 2, "rack1/1/1"),
    (1500.0, "commit", "panda-02", "poll-failed", "RebootRebooting"),
    (1500.0, "stop polling", "panda-02"),
    (1500.0, "cycle", "panda-02", 2, "rack1/1/2"),
    (2800.0, "commit", "panda-01", "timeout", "FailedReimageRebooting"),
    (3300.0, "commit", "panda-02", "timeout", "FailedRebootRebooting"),
]
"""Of a clock that does not jump: 900 s of installing are over after 1000, of which
lifeguard was down for 100; both boards then wait 1800 s for their relay board."""


def test_without_a_jump_everything_comes_at_its_time() -> None:
    assert lived() == STEADY


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, HOUR), st.sampled_from([-HOUR, HOUR]))))
def test_jumps_fire_nothing_and_delay_nothing(jumps: list[Jump]) -> None:
    assert lived(jumps) == STEADY


def test_a_jump_while_lifeguard_is_down_is_not_charged_to_boards() -> None:
    for seconds in (-HOUR, HOUR):
        assert lived([(850.0, seconds)]) == STEADY


def test_the_reactor_that_lifeguard_runs_on_is_monotonic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactor, "seconds", time.time)
    (tmp_path / "lifeguard.toml").touch()
    options = Options()
    options.parseOptions(["--config", str(tmp_path / "lifeguard.toml")])
    makeService(options)
    assert getattr(reactor, "seconds") is time.monotonic  # noqa: B009
