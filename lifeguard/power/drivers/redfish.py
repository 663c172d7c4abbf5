"""Servers whose management controller speaks Redfish; an outlet is a system's id.

Power is given and taken by a reset of the system, whose place its own page names. A
controller says yes at once, and then takes its time: what counts is the power state
that is read back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifeguard.config.forms import matching
from lifeguard.power.connectionless import Connectionless, read_back
from lifeguard.power.driver import Driver
from lifeguard.power.errors import BadAnswer
from lifeguard.power.web import WORD, Answer, WebOptions, web

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings
    from lifeguard.power.web import Web

SYSTEMS = "/redfish/v1/Systems"

_STATES = ("On", "Off", "PoweringOn", "PoweringOff", "Paused")

_reset_path = matching("/[!-~]+")


class Redfish(Connectionless):
    """The systems of one management controller."""

    def __init__(self, clock: IReactorTime, web: Web) -> None:
        self._clock, self._web = clock, web

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        page = await self._page(rest, deadline)
        # A controller may refuse what would change nothing.
        if _is_on(page, on) != on:
            reset = {"ResetType": "On" if on else "ForceOff"}
            await self._web.ask("POST", _target(page), deadline, body=reset)

        async def read() -> bool:
            return _is_on(await self._page(rest, deadline), on)

        await read_back(read, on, deadline, self._clock)

    async def read(self, rest: str, deadline: float) -> bool:
        return _is_on(await self._page(rest, deadline), wanted=False)

    async def test(self, deadline: float) -> None:
        await self._web.ask("GET", SYSTEMS, deadline)

    async def _page(self, rest: str, deadline: float) -> Answer:
        return await self._web.ask("GET", f"{SYSTEMS}/{rest}", deadline)


def _is_on(page: Answer, wanted: bool) -> bool:
    """What is neither on nor off, or on its way, is not what was wanted."""
    state = _at(page, "PowerState")
    if state not in _STATES:
        raise BadAnswer(f"no PowerState of a system in {page}")
    return wanted if state == ("On" if wanted else "Off") else not wanted


def _target(page: Answer) -> str:
    """Where a reset is posted."""
    try:
        return _reset_path(_at(page, "Actions", "#ComputerSystem.Reset", "target"))
    except ValueError:
        raise BadAnswer(f"no reset of a system in {page}") from None


def _at(page: Answer, *keys: str) -> Any:
    found = page.json()
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> Redfish:
    reactor = surroundings.reactor
    return Redfish(reactor, web(reactor, relay_board.options))


DRIVER = Driver(
    options=WebOptions,
    outlet=WORD,
    device=_device,
)
