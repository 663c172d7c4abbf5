"""A simulated ProXR relay board: eight relays, one TCP connection at a time.

Boards hang on the normally closed side: a relay that is on has its board off, and a
relay board without power has all boards on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from twisted.internet.protocol import Protocol, ServerFactory
from twisted.logger import Logger

from lifeguard.wire.proxr import (
    BadCommand,
    Command,
    Relay,
    Switch,
    encode_answer,
    parse_command,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from twisted.internet.interfaces import IAddress, ITCPTransport

    from lifeguard.simulator.faults import Faults

log = Logger()


Illness = Literal["refuses", "hangs"]
"""A relay board that is ill closes every connection, or never answers on one."""


class RelayBoard(ServerFactory):
    """Its relays are off at first. `moved` hears of each relay that really moved.

    A faulty relay answers as a good one would and stays where it is. `ill` is how the
    whole relay board is out of order.
    """

    noisy = False

    def __init__(
        self,
        name: str,
        faults: Faults,
        random: Random,
        moved: Callable[[Relay, bool], None],
        ill: Illness | None = None,
    ) -> None:
        self.name = name
        self.ill = ill
        self.relays_on: set[Relay] = set()
        self._faults = faults
        self._random = random
        self._moved = moved
        self._connection: Connection | None = None

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """None, which closes it at once, for a second connection."""
        if self._connection is not None or self.ill == "refuses":
            return None
        self._connection = Connection(self)
        return self._connection

    def released(self) -> None:
        """The connection is closed; another may come."""
        self._connection = None

    def obey(self, command: Command) -> bytes:
        """Do what is asked, or pretend to; the answer."""
        if isinstance(command, Switch):
            self._switch(command.relay, command.on)
        return encode_answer(command, self.relays_on, "classic")

    def _switch(self, relay: Relay, on: bool) -> None:
        if on == (relay in self.relays_on):
            return
        if self._random.random() < self._faults.relay:
            log.info("{board}: {relay} sticks", board=self.name, relay=relay)
            return
        (self.relays_on.add if on else self.relays_on.discard)(relay)
        self._moved(relay, on)


class Connection(Protocol):
    """Takes a packet for a command: split commands are lost, as in firmware 3.2."""

    transport: ITCPTransport

    def __init__(self, relay_board: RelayBoard) -> None:
        self._relay_board = relay_board

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        if self._relay_board.ill == "hangs":
            return
        try:
            command = parse_command(data)
        except BadCommand as error:
            log.info("{board}: {error}", board=self._relay_board.name, error=error)
            return
        self.transport.write(self._relay_board.obey(command))

    def connectionLost(self, reason: object = None) -> None:
        self._relay_board.released()
