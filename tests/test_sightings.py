"""What netboot saw of a boot, as its board's history tells it."""

from __future__ import annotations

import pytest

from lifeguard.event import Event
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.lifecycle.state import CONFIG_FETCHED, TIMEOUT
from lifeguard.model import Standing
from lifeguard.netboot.progress import Progress
from lifeguard.sightings import explained, sighting
from tests.rig import EPOCH

NOTHING = "it fetched nothing from lifeguard"
CONFIG_ONLY = "it fetched its boot config, but never its kernel"


def standing(state: str) -> Standing:
    return Standing(board="panda-01", state=state, since=EPOCH, stay=7, generation=3)


def progress(generation: int = 3) -> Progress:
    """Of a boot that got its config, and not the kernel that this names."""
    return Progress(generation, "debian", ("kernel",), {CONFIG_FETCHED: EPOCH})


def test_a_sighting_is_bound_to_the_boot_and_the_stay_it_was_seen_in() -> None:
    assert sighting(standing("ReimageBooting"), CONFIG_FETCHED, progress(2)) == Event(
        name=CONFIG_FETCHED, source="netboot", stay=7, generation=2, reason="debian"
    )


@pytest.mark.parametrize(
    ("state", "seen", "sees_boots", "reason"),
    [
        ("ReimageBooting", progress(), True, CONFIG_ONLY),
        ("ReimageBooting", progress(), False, CONFIG_ONLY),
        ("ReimageBooting", progress(2), True, NOTHING),
        ("ReimageBooting", None, True, NOTHING),
        ("ReimageBooting", None, False, ""),
        ("ReimageRebooting", None, True, ""),
        ("RebootComplete", progress(), True, ""),
        ("NoSuchState", progress(), True, ""),
    ],
)
def test_a_timeout_says_what_is_known_of_the_boot_that_it_ends(
    state: str, seen: Progress | None, sees_boots: bool, reason: str
) -> None:
    timeout = Event(name=TIMEOUT, source="lifeguard")
    told = explained(timeout, LIFECYCLE, standing(state), seen, sees_boots=sees_boots)
    assert told == Event(name=TIMEOUT, source="lifeguard", reason=reason)


def test_any_other_event_is_left_as_it_is() -> None:
    event = Event(name="power-cycle-failed", source="power", reason="dead")
    here = standing("ReimageBooting")
    assert explained(event, LIFECYCLE, here, None, sees_boots=True) is event
