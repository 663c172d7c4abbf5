"""What a change of a board says for the rules of blame: pure, from what is declared.

What a person does to a board says nothing against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lifeguard.lifecycle.state import Boots, Strike
from lifeguard.model import Evidence

if TYPE_CHECKING:
    from datetime import datetime

    from lifeguard.event import Event
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Standing


def evidence_of(
    lifecycle: Lifecycle, before: Standing, event: Event, after: Standing, at: datetime
) -> Evidence | None:
    """What it says that `event` has brought a board from `before` to `after`.

    A board does well when it comes to a state that clears strikes, such as Ready, and
    when a person takes it from there. It fails with every strike.
    """
    if after.stay == before.stay or before.state not in lifecycle:
        return None
    verdict = _verdict(lifecycle, before.state, event, after.state)
    if verdict is None:
        return None
    return Evidence(
        at=at,
        seconds=after.entered,
        board=after.board,
        state=before.state,
        verdict=verdict,
        about=_about(lifecycle, before.state),
        image=image_in_question(lifecycle, before),
    )


def image_in_question(lifecycle: Lifecycle, standing: Standing) -> str | None:
    """The image that a board installs or runs; None in a self-test and the like."""
    if standing.state not in lifecycle:
        return None
    if lifecycle.installs(standing.state):
        return standing.wanted_image
    return standing.image if lifecycle[standing.state].boots is Boots.DISK else None


def _verdict(
    lifecycle: Lifecycle, before: str, event: Event, after: str
) -> Literal["well", "failed", "given-up"] | None:
    if event.by == "person":
        return "well" if lifecycle[before].clears else None
    if lifecycle.kind(after) == "failed":
        return "given-up"
    if isinstance(lifecycle.transition(before, event.name), Strike):
        return "failed"
    return "well" if lifecycle[after].clears else None


def _about(lifecycle: Lifecycle, state: str) -> Literal["power", "install", "run"]:
    if lifecycle.orders_power(state):
        return "power"
    return "install" if lifecycle.installs(state) else "run"
