"""A ProXR relay board with a machine on each of its relays.

The machines hang on the normally closed side: a relay that is on cuts the power.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from lifeguard.wire.proxr import (
    Command,
    Relay,
    Switch,
    encode_answer,
    parse_command,
)

from .machine import Machine


class RelayBoard(Factory):
    """All its relays are off at first. `log` lists the switches it made."""

    def __init__(self, machines: Mapping[Relay, Machine]) -> None:
        self.connected = False
        self.log: list[str] = []
        self._machines = machines
        self._on: set[Relay] = set()

    def startFactory(self) -> None:
        """No relay is on, so everything has power."""
        for machine in self._machines.values():
            machine.power_on()

    def power_off(self) -> Deferred[list[None]]:
        """Cut the power of everything; fires when all machines are gone."""
        return gatherResults([each.power_off() for each in self._machines.values()])

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """None refuses: like the real ones it serves one connection at a time."""
        return None if self.connected else Connection(self)

    def obey(self, command: Command) -> bytes:
        """Do as told; the answer."""
        if isinstance(command, Switch) and command.on != (command.relay in self._on):
            self.log.append(str(command))
            self._switch(command.relay, command.on)
        return encode_answer(command, self._on, "classic")

    def _switch(self, relay: Relay, on: bool) -> None:
        if on:
            self._on.add(relay)
            self._machines[relay].power_off()
        else:
            self._on.remove(relay)
            self._machines[relay].power_on()


class Connection(Protocol):
    """Takes one command at a time; each must come in one piece."""

    def __init__(self, relay_board: RelayBoard) -> None:
        self._relay_board = relay_board

    def connectionMade(self) -> None:
        self._relay_board.connected = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._relay_board.connected = False

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self._relay_board.obey(parse_command(data)))
