"""Service seconds are saved again and again, whatever has become of it before."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from lifeguard.store import StoreUnavailable
from lifeguard.timekeeper import SAVE_TIME_SECONDS, Timekeeper


class FakeStore:
    """Keeps when it was asked; fails while it is away."""

    def __init__(self, clock: Clock) -> None:
        self.away = False
        self.asked: list[float] = []
        self._clock = clock

    def save_time(self) -> Deferred[None]:
        self.asked.append(self._clock.seconds())
        return fail(StoreUnavailable("away")) if self.away else succeed(None)


def rig() -> tuple[Timekeeper, FakeStore, Clock]:
    clock = Clock()
    store = FakeStore(clock)
    return Timekeeper(store, clock), store, clock


def test_what_could_not_be_saved_is_made_up_for_by_the_next_time() -> None:
    timekeeper, store, clock = rig()
    timekeeper.start()
    clock.advance(SAVE_TIME_SECONDS)
    store.away = True
    clock.advance(SAVE_TIME_SECONDS)
    store.away = False
    clock.advance(SAVE_TIME_SECONDS)
    assert store.asked == [5.0, 10.0, 15.0]


def test_one_that_is_stopped_saves_no_more_also_if_it_was_never_started() -> None:
    timekeeper, store, clock = rig()
    timekeeper.stop()
    timekeeper.start()
    timekeeper.stop()
    clock.advance(2 * SAVE_TIME_SECONDS)
    assert store.asked == []
