"""The people of a lab: each board is wanted for something from time to time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from lifeguard.simulator.virtual.board import Rejected
from lifeguard.simulator.virtual.plan import DAY, HOUR, IMAGES

if TYPE_CHECKING:
    from random import Random

    from twisted.internet.interfaces import IReactorTime

    from lifeguard.simulator.virtual.ailments import Ailments
    from lifeguard.simulator.virtual.board import VirtualBoard
    from lifeguard.simulator.virtual.durable import Durable
    from lifeguard.simulator.virtual.uplink import Uplink

FIRST_SECONDS = 1200.0
"""Within this, all boards of a new lab are asked for."""

LOOK_SECONDS = 3 * HOUR
"""How often somebody looks whether a board has been set aside."""

_SET_ASIDE = ("New", "NoImage", "Off", "Maintenance", "Troubleshooting", "LockedOut")

_WISHES = {
    "rq-reimage": 50,
    "rq-reboot": 25,
    "rq-self-test": 10,
    "rq-maintenance": 8,
    "rq-power-off": 8,
    "Troubleshooting": 4,
    "LockedOut": 3,
}
"""What people want of a board, and how often beside the rest."""


_BACK_ON = 0.5
"""The share of boards that are off and are wanted for nothing else but to be on."""


class Person:
    """Who uses one board, about `rate` times a day."""

    def __init__(
        self,
        board: VirtualBoard,
        uplink: Uplink,
        durable: Durable,
        clock: IReactorTime,
        random: Random,
        rate: float,
    ) -> None:
        self._board, self._uplink, self._durable = board, uplink, durable
        self._clock, self._random, self._rate = clock, random, rate / DAY

    def begin(self) -> None:
        """Want the board now, and again and again."""
        Deferred.fromCoroutine(self._use())

    async def _use(self) -> None:
        await deferLater(self._clock, self._random.uniform(0, FIRST_SECONDS))
        with suppress(Rejected):
            await self._reimage()
        while self._rate:
            often = self._rate + 1 / LOOK_SECONDS
            await deferLater(self._clock, self._random.expovariate(often))
            if self._is_set_aside() or self._random.random() < self._rate / often:
                await self._want()

    def _is_set_aside(self) -> bool:
        """Whether the board stands where it stays until somebody comes."""
        state = self._durable.standings[self._board.name].state
        return state in _SET_ASIDE or state.startswith("Failed")

    async def _want(self) -> None:
        with suppress(Rejected):  # it was somewhere else by then: another time
            await self._act(self._durable.standings[self._board.name].state)

    async def _act(self, state: str) -> None:
        if state.startswith("Failed"):
            self._board.repair()
            await self._reimage()
        elif state == "LockedOut":
            await self._uplink.change(self._board.name, state, "RebootRebooting")
        elif state == "Off" and self._random.random() < _BACK_ON:
            await self._uplink.request(self._board.name, "rq-power-on", {})
        else:
            await self._wish(state)

    async def _wish(self, state: str) -> None:
        [wish] = self._random.choices(list(_WISHES), list(_WISHES.values()))
        if wish == "rq-reimage":
            await self._reimage()
        elif wish.startswith("rq-"):
            await self._uplink.request(self._board.name, wish, {})
        else:
            await self._uplink.change(self._board.name, state, wish)

    async def _reimage(self) -> None:
        image = self._random.choice(IMAGES)
        await self._uplink.request(self._board.name, "rq-reimage", {"image": image})


class Operator:
    """Takes images back that were set aside, once they have been mended."""

    def __init__(
        self,
        uplink: Uplink,
        durable: Durable,
        ailments: Ailments,
        clock: IReactorTime,
        random: Random,
    ) -> None:
        self._uplink, self._durable, self._ailments = uplink, durable, ailments
        self._clock, self._random = clock, random

    def begin(self) -> None:
        """Look now and then."""
        self._look_later()

    def _look_later(self) -> None:
        pause = self._random.expovariate(1 / LOOK_SECONDS)
        self._clock.callLater(pause, self._look)

    def _look(self) -> None:
        for incident in tuple(self._durable.incidents.values()):
            if incident.set_aside and not self._ailments.lasts(incident.cause):
                self._uplink.release(incident.cause.name)
        self._look_later()
