"""A board in virtual time: what runs on it from power on until the power is cut.

A life is one coroutine, and cutting the power cancels it; the disk alone outlasts
that. It hangs, dies while it installs, lies, dawdles, or never comes up.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from lifeguard.simulator.virtual.plan import DAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from lifeguard.simulator.virtual.ailments import Ailments
    from lifeguard.simulator.virtual.plan import Troubles

INSTALL_STEPS = 5

WEAKNESS = 50
"""How many times as often a weak board fails."""

_LIES = ("image-running", "install-ok", "installer-running", "no-such-event")

Kind = Literal["installer", "self-test", "maintenance"]


class Offer(NamedTuple):
    """What a boot loader was given, with the generation its token proves.

    What does not work is never installed.
    """

    kind: Kind
    generation: int
    works: bool


class Rejected(Exception):
    """The event was refused for good."""


class Network(Protocol):
    """How a board reaches lifeguard; each Deferred can be cancelled."""

    def fetch(self, board: str) -> Offer | None:
        """What there is to boot; None is the disk, or nobody there to ask."""

    def report(self, board: str, event: str, generation: int | None) -> Deferred[None]:
        """Tell until it is answered, with a token if there is a generation. Fails
        with Rejected."""


class VirtualBoard:
    """Has power at first and a running image. `changed` hears that it answers polls
    from now on, or no longer."""

    def __init__(
        self,
        name: str,
        network: Network,
        clock: IReactorTime,
        troubles: Troubles,
        random: Random,
        ailments: Ailments,
        changed: Callable[[], None],
    ) -> None:
        self.name, self.answers = name, False
        self._network, self._clock = network, clock
        self._troubles, self._random, self._changed = troubles, random, changed
        self._ailments = ailments
        self._pace = random.uniform(1, 4) if random.random() < troubles.slow else 1.0
        weak = random.random() < troubles.weak
        self._failures = troubles.failures / DAY * (WEAKNESS if weak else 1)
        self._dead = random.random() < troubles.dead
        self._installed = True
        self._life: Deferred[None] | None = None

    def power_on(self) -> None:
        """Boot, unless there was power before."""
        if self._life is None:
            self._life = Deferred.fromCoroutine(self._live())
            self._life.addErrback(_cut)

    def power_off(self) -> None:
        """Stop everything at once."""
        if self._life is not None:
            life, self._life = self._life, None
            life.cancel()
            self._answer(False)

    def reset(self) -> None:
        """Boot again, if there is power."""
        if self._life is not None:
            self.power_off()
            self.power_on()

    def repair(self) -> None:
        """Somebody has looked after it; the next boot shows it."""
        self._dead = False

    def _answer(self, answers: bool) -> None:
        if answers != self.answers:
            self.answers = answers
            self._changed()

    def _pause(self, shortest: float, longest: float) -> Deferred[None]:
        seconds = self._random.uniform(shortest, longest) * self._pace
        return deferLater(self._clock, seconds)

    def _meets(self, share: float) -> bool:
        return self._random.random() < share

    async def _hang(self) -> NoReturn:
        self._ailments.fails(self.name)
        self._answer(False)
        await Deferred[None]()
        raise AssertionError("only a power cut ends this")

    async def _live(self) -> None:
        while True:
            await self._boot()

    async def _boot(self) -> None:
        """One boot; returns when the board resets itself."""
        self._answer(False)
        await self._pause(5, 20)
        if self._ailments.starves(self.name):
            await self._hang()
        if self._pace > 1.0:  # too slow for a timeout, perhaps
            self._ailments.fails(self.name)
        if self._meets(self._troubles.hang):
            await self._hang()
        offer = self._network.fetch(self.name)
        if offer is None:
            return await self._run_disk()
        await self._pause(10, 40)
        try:
            await self._run(offer)
        except Rejected:
            await self._run_disk()

    async def _run(self, offer: Offer) -> None:
        if self._meets(self._troubles.lie):
            self._ailments.fails(self.name)
            await self._report(self._random.choice(_LIES), offer)
        if offer.kind == "installer":
            await self._install(offer)
        elif offer.kind == "self-test":
            await self._test_itself(offer)
        else:
            await self._report("maintenance-running", offer)
            self._answer(True)
            await Deferred[None]()

    def _report(self, event: str, offer: Offer) -> Deferred[None]:
        return self._network.report(self.name, event, offer.generation)

    async def _install(self, offer: Offer) -> None:
        if not offer.works:
            return await self._install_in_vain(offer)
        await self._report("installer-running", offer)
        self._installed = False
        for _ in range(INSTALL_STEPS):
            await self._pause(30, 150)
            if self._meets(self._troubles.die / INSTALL_STEPS):
                return await self._die_installing(offer)
            await self._report("install-progress", offer)
        self._installed = True
        await self._report("install-ok", offer)

    async def _install_in_vain(self, offer: Offer) -> None:
        how = self._random.choice(("never begins", "fails", "never boots"))
        if how == "never begins":
            await self._hang()
        await self._report("installer-running", offer)
        self._installed = False
        if how == "fails":
            await self._report("install-failed", offer)
            await self._hang()
        await self._report("install-ok", offer)

    async def _die_installing(self, offer: Offer) -> None:
        self._ailments.fails(self.name)
        how = self._random.choice(("hangs", "fails", "boots again"))
        if how == "hangs":
            await self._hang()
        elif how == "fails":
            await self._report("install-failed", offer)
            await self._hang()

    async def _test_itself(self, offer: Offer) -> None:
        await self._report("self-test-running", offer)
        await self._pause(600, 1800)
        fails = self._meets(self._troubles.die)
        if fails:
            self._ailments.fails(self.name)
        await self._report("self-test-failed" if fails else "self-test-ok", offer)
        await Deferred[None]()

    async def _run_disk(self) -> None:
        if not self._installed or self._dead:
            await self._hang()
        await self._pause(15, 60)
        self._answer(True)
        with suppress(Rejected):  # an init script has nothing better to do
            await self._network.report(self.name, "image-running", None)
        await self._until_it_fails()

    async def _until_it_fails(self) -> None:
        """Returns when the system resets itself."""
        if not self._failures:
            await Deferred[None]()
        await deferLater(self._clock, self._random.expovariate(self._failures))
        self._ailments.fails(self.name)
        if self._meets(0.7):
            await self._hang()


def _cut(failure: Failure) -> None:
    failure.trap(CancelledError)
