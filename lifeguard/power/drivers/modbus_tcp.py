"""Relay boards that speak Modbus over TCP: an outlet is a coil, counted from 0."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Annotated

from msgspec import Struct
from twisted.internet.endpoints import HostnameEndpoint

from lifeguard.config.forms import Flag, Form, Seconds, matching, whole
from lifeguard.config.places import HostAndPort, host_and_port
from lifeguard.power.connection import Exchange
from lifeguard.power.connectionless import read_back
from lifeguard.power.driver import Driver
from lifeguard.power.errors import Refused
from lifeguard.power.line import Line
from lifeguard.wire.modbus import (
    COILS,
    Read,
    Refusal,
    Request,
    Write,
    answer_length,
    encode,
    parse_answer,
)

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings

LINGER_SECONDS = 2.0
"""How long a connection is kept beyond the off time of a cycle."""


class ModbusOptions(Struct, frozen=True, kw_only=True):
    """`normally_closed`: boards hang on contacts that open when a coil is on, and keep
    their power when the relay board loses its own."""

    address: Annotated[HostAndPort, host_and_port(502)]
    unit: Annotated[int, whole(0, 255)] = 1
    normally_closed: Flag = False
    rest: Seconds = 0.1


class ModbusTcp:
    """A relay board at `endpoint`; a connection without work is kept `linger` s."""

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        options: ModbusOptions,
        linger: float,
    ) -> None:
        self._clock, self._unit = clock, options.unit
        self._normally_closed = options.normally_closed
        self._numbers = count()
        # Whatever is said of the first coil: there is somebody who answers.
        greeting = self._exchange(Read(self._unit, 0))
        self._line = Line(clock, endpoint, greeting, linger, options.rest)

    @property
    def connected(self) -> bool:
        return self._line.connected

    async def switch(self, rest: str, on: bool, deadline: float) -> None:
        wanted = on != self._normally_closed
        await self._ask(Write(self._unit, int(rest), wanted), deadline)
        await read_back(lambda: self.read(rest, deadline), on, deadline, self._clock)

    async def read(self, rest: str, deadline: float) -> bool:
        found = await self._ask(Read(self._unit, int(rest)), deadline)
        return found != self._normally_closed

    async def test(self, deadline: float) -> None:
        connection = await self._line.connection()
        await connection.ask(self._exchange(Read(self._unit, 0)), deadline)

    def idle(self) -> None:
        self._line.linger()

    def close(self) -> Deferred[None]:
        return self._line.close()

    async def _ask(self, request: Request, deadline: float) -> bool:
        connection = await self._line.connection()
        answer = await connection.ask(self._exchange(request), deadline)
        if isinstance(answer, Refusal):
            raise Refused(f"{request}: {answer}")
        return answer

    def _exchange(self, request: Request) -> Exchange[bool | Refusal]:
        number = next(self._numbers) % 65536
        return Exchange(
            str(request),
            encode(request, number),
            answer_length,
            lambda answer: parse_answer(request, number, answer),
        )


def _coil(value: object) -> str:
    coil = matching("0|[1-9][0-9]{0,4}")(value)
    if int(coil) not in COILS:
        raise ValueError(value)
    return coil


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> ModbusTcp:
    options, reactor = relay_board.options, surroundings.reactor
    # The off half of a cycle must not lose the connection to somebody else.
    linger = relay_board.off_seconds + LINGER_SECONDS
    endpoint = HostnameEndpoint(reactor, *options.address)
    return ModbusTcp(reactor, endpoint, options, linger)


DRIVER = Driver(
    options=ModbusOptions,
    outlet=Form("a coil from 0 to 65535", _coil),
    device=_device,
)
