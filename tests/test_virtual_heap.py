"""The virtual clock: the order of its calls, and what is left of those put off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock, LoopingCall
from zope.interface.verify import verifyObject

from lifeguard.simulator.virtual.heap import RESOLUTION, HeapClock, LifeClock

DELAYS = st.integers(0, 20)


def test_it_is_a_clock_of_a_reactor() -> None:
    clock = HeapClock()
    assert verifyObject(IReactorTime, clock)
    assert verifyObject(IReactorTime, LifeClock(clock))
    assert verifyObject(IDelayedCall, clock.callLater(1, list))


@given(
    st.lists(
        st.tuples(DELAYS, st.sampled_from(["keep", "cancel", "put off"])), max_size=8
    )
)
def test_calls_come_as_from_twisteds_own_clock(
    plan: list[tuple[int, str]],
) -> None:
    def run(clock: HeapClock | Clock, advance: Callable[[float], object]) -> list[str]:
        said: list[str] = []
        calls = [
            clock.callLater(
                delay, lambda n=number: said.append(f"{n} at {clock.seconds():g}")
            )
            for number, (delay, _) in enumerate(plan)
        ]
        for number, (_, fate) in enumerate(plan):
            if fate == "cancel":
                calls[number].cancel()
            elif fate == "put off":
                calls[number].delay(30 * (number + 1))
        advance(300)
        return said

    heap, twisteds = HeapClock(), Clock()
    expected = run(twisteds, lambda until: twisteds.pump([0] + [1] * int(until)))
    assert run(heap, heap.run_until) == expected


def test_a_call_can_be_made_sooner_and_later() -> None:
    clock, said = HeapClock(), list[float]()
    call = clock.callLater(10, lambda: said.append(clock.seconds()))
    call.reset(2)
    assert call.getTime() == 2
    call.delay(3)
    clock.run_until(20)
    assert said == [5]
    assert not call.active()
    with pytest.raises(AlreadyCalled):
        call.cancel()


def test_what_is_cancelled_never_comes() -> None:
    clock, said = HeapClock(), list[str]()
    call = clock.callLater(1, said.append, "never")
    clock.callLater(1, said.append, "comes")
    call.cancel()
    assert [each.getTime() for each in clock.getDelayedCalls()] == [1]
    clock.run_until(2)
    assert said == ["comes"]
    with pytest.raises(AlreadyCancelled):
        call.reset(1)


def test_a_step_is_one_call_and_the_last_one_is_the_end() -> None:
    clock, said = HeapClock(), list[str]()
    clock.callLater(1, said.append, "a")
    clock.callLater(3, said.append, "b")
    assert [clock.step(2), clock.seconds()] == [True, 1]
    assert [clock.step(2), clock.seconds()] == [False, 2]
    assert said == ["a"]


def test_a_delay_of_rounding_errors_still_takes_time() -> None:
    clock = HeapClock()
    clock.run_until(1e6)
    clock.callLater(1e-12, list)
    assert clock.step(2e6)
    assert clock.seconds() == pytest.approx(1e6 + RESOLUTION, abs=1e-9)
    assert clock.seconds() > 1e6


def test_of_a_dead_daemon_nothing_is_called() -> None:
    clock, said = HeapClock(), list[str]()
    life = LifeClock(clock)
    loop = LoopingCall(said.append, "loop")
    loop.clock = life
    loop.start(1)
    clock.callLater(5, said.append, "the world")
    clock.run_until(2)
    life.die()
    life.callLater(1, said.append, "a ghost")
    clock.run_until(10)
    assert said == ["loop", "loop", "loop", "the world"]
    assert life.getDelayedCalls() == []
