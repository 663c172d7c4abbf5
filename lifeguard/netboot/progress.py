"""How far a boot has come, as the files show that its board was sent: pure.

It proves what a boot loader asked for, not what became of it; and it moves nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lifeguard.lifecycle.state import CONFIG_FETCHED
from lifeguard.netboot.loaders import PARTS, Part

if TYPE_CHECKING:
    from collections.abc import Mapping


def begun(part: Part) -> str:
    """The event of a part's first byte."""
    return f"{part}-begun"


def fetched(part: Part) -> str:
    """The event of a part's last byte."""
    return f"{part}-fetched"


class Progress(Struct, frozen=True):
    """One boot of a board, from the config that was sent to its loader.

    `parts` are those that the config names. `steps` are the events so far, each with
    the time it came last.
    """

    generation: int
    image: str
    parts: tuple[Part, ...]
    steps: dict[str, datetime] = {}

    def after(self, event: str, at: datetime) -> Progress:
        """The same, one step on."""
        return replace(self, steps={**self.steps, event: at})

    def recalled(self, steps: Mapping[str, datetime]) -> Progress:
        """The same boot, as far as it was seen before lifeguard was last started.

        Without `parts`, only those that were fetched are known of.
        """
        began = steps.get(CONFIG_FETCHED, datetime.min.replace(tzinfo=UTC))
        since = {event: at for event, at in steps.items() if at >= began}
        seen = tuple(part for part in PARTS if begun(part) in since)
        return replace(self, parts=self.parts or seen, steps=since)

    def summary(self) -> str:
        """How far it came, in words that go on to a failure's reason."""
        whole = [part for part in self.parts if fetched(part) in self.steps]
        had = " and ".join(["its boot config", *(f"its {part}" for part in whole)])
        lacks = [self._lack(part) for part in self.parts if part not in whole]
        return f"it fetched {had}" + (f", but {' and '.join(lacks)}" if lacks else "")

    def _lack(self, part: Part) -> str:
        started = begun(part) in self.steps
        return f"not all of its {part}" if started else f"never its {part}"
