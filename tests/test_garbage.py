"""What is garbage is found, whatever was settled, read and dropped meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from lifeguard import garbage


class Ring:
    """Refers to itself, as a lifecycle's classes do: only by looking is it found."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Python's own, as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.enable()
    gc.unfreeze()
    gc.freeze()


def test_what_was_read_to_be_shown_only_is_not_settled() -> None:
    garbage.settle()
    settled = gc.get_freeze_count()
    with garbage.paused():
        assert not gc.isenabled()
        shown = ref(Ring())
    assert gc.isenabled()
    assert gc.get_freeze_count() <= settled
    gc.collect()
    assert shown() is None


def test_what_was_settled_and_replaced_is_found_once_it_is_worth_a_look() -> None:
    ring, leftovers = Ring(), garbage.Leftovers()
    replaced = ref(ring)
    garbage.settle()
    del ring
    gc.collect()
    leftovers.add(garbage.WORTH_A_LOOK - 1)
    assert replaced() is not None
    leftovers.add(1)
    assert replaced() is None
    assert (gc.isenabled(), gc.get_threshold()) == (True, garbage.THRESHOLDS)
    assert gc.get_freeze_count() > 0


def test_after_a_look_counting_begins_anew() -> None:
    leftovers = garbage.Leftovers()
    leftovers.add(garbage.WORTH_A_LOOK)
    ring = Ring()
    replaced = ref(ring)
    garbage.settle()
    del ring
    leftovers.add(garbage.WORTH_A_LOOK - 1)
    assert replaced() is not None
