"""What is written beside a state: its figures, and what does not lead elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeguard.lifecycle import Boots
from lifeguard.lifecycle.state import INTERNAL, Extend, Note, Renew, Strike
from lifeguard.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.lifecycle import Lifecycle

_BOOTS = {
    Boots.WANTED: "boots the wanted image",
    Boots.SELF_TEST: "boots the self-test image",
    Boots.MAINTENANCE: "boots the maintenance image",
    Boots.NOTHING: "boots what others say",
}
"""Where that is not the disk."""


def notes(lifecycle: Lifecycle, name: str) -> Iterator[str]:
    """The figures of a state and what it boots."""
    state = lifecycle[name]
    if state.timeout is not None:
        yield duration(state.timeout)
    if any(isinstance(one, Strike) for one in state.transitions().values()):
        yield plural(state.attempts, "strike")
    if state.boots in _BOOTS:
        yield _BOOTS[state.boots]


def stays(lifecycle: Lifecycle, name: str) -> Iterator[str]:
    """What events do that leave a board where it is."""
    state = lifecycle[name]
    for event, transition in state.transitions().items():
        match transition:
            case Extend():
                yield f"{event} extends, to {duration(state.total or 0)} in all"
            case Renew():
                yield f"{event} starts again"
            case Note() if event not in INTERNAL:
                yield f"{event} is noted"
