"""Service seconds: they go on over restarts, and stand still without a store."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lifeguard.clock import ServiceTime


def rig(saved: float = 100.0) -> tuple[ServiceTime, Clock]:
    clock = Clock()
    clock.advance(1000)
    service_time = ServiceTime(clock)
    service_time.start(saved)
    return service_time, clock


def test_they_go_on_from_what_was_saved() -> None:
    service_time, clock = rig()
    clock.advance(5)
    assert service_time.now() == 105.0


def test_there_are_none_before_the_start() -> None:
    with pytest.raises(RuntimeError):
        ServiceTime(Clock()).now()


def test_they_stand_still_in_a_pause_and_go_on_from_there() -> None:
    service_time, clock = rig()
    clock.advance(5)
    service_time.pause()
    clock.advance(60)
    assert service_time.now() == 105.0
    service_time.go_on()
    assert service_time.now() == 105.0
    clock.advance(1)
    assert service_time.now() == 106.0


def test_a_second_pause_changes_nothing() -> None:
    service_time, clock = rig()
    service_time.pause()
    clock.advance(5)
    service_time.pause()
    service_time.go_on()
    service_time.go_on()
    clock.advance(1)
    assert service_time.now() == 101.0


def test_a_pause_goes_back_to_what_was_not_saved() -> None:
    service_time, clock = rig()
    clock.advance(5)
    assert service_time.stamp() == 105.0
    clock.advance(5)  # the store says nothing
    service_time.pause()
    assert service_time.now() == 105.0
    clock.advance(60)
    service_time.go_on()
    clock.advance(1)
    assert service_time.now() == 106.0
