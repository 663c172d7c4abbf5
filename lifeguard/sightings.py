"""What netboot saw of a board's boot, in the words of the board's history: pure.

It extends nothing and is no proof of anything; but it tells why a boot timed out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lifeguard.event import Event
from lifeguard.lifecycle import Boots
from lifeguard.lifecycle.state import TIMEOUT

if TYPE_CHECKING:
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Standing
    from lifeguard.netboot.progress import Progress


def sighting(standing: Standing, event: str, progress: Progress) -> Event:
    """That a boot has come as far as `event`, the newest step of `progress`."""
    return Event(
        name=event,
        source="netboot",
        stay=standing.stay,
        generation=progress.generation,
        reason=progress.image,
    )


def explained(
    event: Event,
    lifecycle: Lifecycle,
    standing: Standing,
    progress: Progress | None,
    *,
    sees_boots: bool,
) -> Event:
    """The event; a timeout of a boot over the network says how far it came.

    `progress` is that of the board's last boot; `sees_boots`: whether one of which
    there is none has fetched nothing.
    """
    if event.name != TIMEOUT or standing.state not in lifecycle:
        return event
    if lifecycle[standing.state].boots is Boots.DISK:
        return event
    if progress is not None and progress.generation == standing.generation:
        return replace(event, reason=progress.summary())
    if sees_boots and not lifecycle.wants(standing.state, "cycle_power"):
        return replace(event, reason="it fetched nothing from lifeguard")
    return event
