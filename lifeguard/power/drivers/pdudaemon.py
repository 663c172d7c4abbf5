"""Outlets behind pdudaemon, which knows some sixty kinds of PDU.

There is no reading back. pdudaemon 1.0 and later answers when its own driver is done,
after tries of its own: give its PDUs `retries` and `retrydelay` that fit within the
time of a request here. Older ones answer as soon as they have queued it. What comes
late is done in order all the same, so the last word on an outlet is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lifeguard.power.connectionless import Connectionless, word
from lifeguard.power.driver import Driver
from lifeguard.power.web import WORD, WebOptions, web

if TYPE_CHECKING:
    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings
    from lifeguard.power.web import Web


class PdudaemonOptions(WebOptions, frozen=True, kw_only=True):
    """`hostname` is the PDU; pdudaemon itself, with its HTTP listener, is at `url`."""

    hostname: Annotated[str, WORD]


class Pdudaemon(Connectionless):
    """One PDU of a pdudaemon."""

    def __init__(self, web: Web, hostname: str) -> None:
        self._web, self._hostname = web, hostname

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        where = f"hostname={self._hostname}&port={rest}"
        await self._web.ask("GET", f"/power/control/{word(on)}?{where}", deadline)

    async def test(self, deadline: float) -> None:
        # It has no page for that; whatever it says, it is there.
        await self._web.answer("GET", "/", deadline)


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> Pdudaemon:
    options = relay_board.options
    return Pdudaemon(web(surroundings.reactor, options), options.hostname)


DRIVER = Driver(
    options=PdudaemonOptions,
    outlet=WORD,
    device=_device,
)
