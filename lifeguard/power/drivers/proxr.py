"""ProXR relay boards of NCD: one TCP connection, a relay called BANK/RELAY.

Boards hang on the normally closed side: a relay that is on takes their power, and a
relay board without power of its own leaves all of them on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Struct
from twisted.internet.endpoints import HostnameEndpoint

from lifeguard.config.forms import Form, matching, one_of
from lifeguard.config.places import HostAndPort, host_and_port
from lifeguard.power.connection import Exchange
from lifeguard.power.driver import Driver, Surroundings
from lifeguard.power.errors import BadOutlet, NotSwitched, ReadsDisagree
from lifeguard.power.line import Line
from lifeguard.wire.proxr import (
    BadRelay,
    Command,
    Dialect,
    LinkTest,
    Read,
    Switch,
    answer_length,
    parse_answer,
    parse_relay,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

    from lifeguard.model import RelayBoard
    from lifeguard.wire.proxr import Relay

    Ask = Callable[[Command], Deferred[bool]]

LINGER_SECONDS = 2.0
"""How long a connection is kept beyond the off time of a cycle."""

REST_SECONDS = 1.0
"""What its TCP stack wants between two connections."""

ANSWER_SECONDS = 5.0
"""How long a request may take on a connection that is open."""


class ProxrOptions(Struct, frozen=True, kw_only=True):
    """Fusion and other newer controllers speak the advanced dialect."""

    address: Annotated[HostAndPort, host_and_port(2101)]
    dialect: Annotated[
        Literal["classic", "advanced"], one_of("classic", "advanced")
    ] = "classic"


class Proxr:
    """A relay board at `endpoint`; a connection without work is kept `linger` s."""

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        dialect: Dialect,
        linger: float,
    ) -> None:
        self._clock, self._dialect = clock, dialect
        greeting = exchange(LinkTest(), dialect)
        self._line = Line(clock, endpoint, greeting, linger, REST_SECONDS)

    @property
    def connected(self) -> bool:
        return self._line.connected

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        relay, energised = _relay(rest), not on
        ask = await self._ready(deadline)
        await ask(Switch(relay, energised))
        if await _read_twice(ask, relay) != energised:
            raise NotSwitched(f"{relay} did not switch {'on' if energised else 'off'}")

    async def read(self, rest: str, deadline: float) -> bool:
        relay = _relay(rest)
        ask = await self._ready(deadline)
        return not await _read_twice(ask, relay)

    async def test(self, deadline: float) -> None:
        ask = await self._ready(deadline)
        await ask(LinkTest())

    def idle(self) -> None:
        self._line.linger()

    def close(self) -> Deferred[None]:
        return self._line.close()

    async def _ready(self, deadline: float) -> Ask:
        """Who asks on one connection, for as long as a request may take on it."""
        connection = await self._line.connection()
        until = min(deadline, self._clock.seconds() + ANSWER_SECONDS)
        return lambda command: connection.ask(exchange(command, self._dialect), until)


def _relay(rest: str) -> Relay:
    try:
        return parse_relay(rest)
    except BadRelay as error:
        raise BadOutlet(str(error)) from error


async def _read_twice(ask: Ask, relay: Relay) -> bool:
    first, second = await ask(Read(relay)), await ask(Read(relay))
    if first != second:
        raise ReadsDisagree(f"two reads of {relay} disagree")
    return first


def exchange(command: Command, dialect: Dialect) -> Exchange[bool]:
    """A command as it goes over a connection."""
    return Exchange(
        str(command),
        bytes(command),
        lambda _: answer_length(command, dialect),
        lambda answer: parse_answer(command, answer, dialect),
    )


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> Proxr:
    options, reactor = relay_board.options, surroundings.reactor
    # The off half of a cycle must not lose the connection to somebody else.
    linger = relay_board.off_seconds + LINGER_SECONDS
    endpoint = HostnameEndpoint(reactor, *options.address)
    return Proxr(reactor, endpoint, options.dialect, linger)


DRIVER = Driver(
    options=ProxrOptions,
    outlet=Form(
        "BANK/RELAY with a bank from 1 to 32 and a relay from 1 to 8",
        matching("([1-9]|[12][0-9]|3[0-2])/[1-8]"),
    ),
    device=_device,
    exclusive=True,
)
