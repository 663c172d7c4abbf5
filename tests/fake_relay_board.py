"""A relay board for tests: an endpoint whose other end keeps a list of all it sees.

It speaks through `lifeguard.wire.proxr`, after `round_trip` seconds of the clock. An
oddity is what it answers to one command instead, given in the order of the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from lifeguard.wire.proxr import Relay, Switch, encode_answer, parse_command

if TYPE_CHECKING:
    from twisted.internet.task import Clock

SILENCE: list[bytes] = []


@implementer(IStreamClientEndpoint)
class FakeRelayBoard:
    def __init__(self, clock: Clock, round_trip: float = 0.125) -> None:
        self.clock, self.round_trip = clock, round_trip
        self.seen: list[tuple[float, str]] = []
        self.relays_on: set[Relay] = set()
        self.oddities: dict[str, list[list[bytes]]] = {}
        """Of a command: pieces to answer with, one a round trip, for each time."""
        self.reachable: bool | None = True
        """False refuses connections, None leaves them waiting."""
        self.stuck: set[Relay] = set()
        self.transport: FakeTransport | None = None

    def see(self, what: str) -> None:
        self.seen.append((self.clock.seconds(), what))

    def seen_without_times(self) -> list[str]:
        return [what for _, what in self.seen]

    def connect(self, factory):
        if self.reachable is None:
            self.see("waiting")
            return Deferred(lambda _: self.see("gave up"))
        if not self.reachable:
            self.see("refused")
            return fail(ConnectionRefusedError())
        self.see("connected")
        protocol = factory.buildProtocol(None)
        self.transport = FakeTransport(self, protocol)
        protocol.makeConnection(self.transport)
        return succeed(protocol)

    def hang_up(self) -> None:
        """The relay board, or the network, ends the connection."""
        if self.transport is not None:
            self.transport.lose("lost")

    def obey(self, packet: bytes) -> list[bytes]:
        command = parse_command(packet)
        self.see(str(command))
        if isinstance(command, Switch) and command.relay not in self.stuck:
            change = self.relays_on.add if command.on else self.relays_on.discard
            change(command.relay)
        if odd := self.oddities.get(str(command)):
            return odd.pop(0)
        return [encode_answer(command, self.relays_on, "classic")]


class FakeTransport(StringTransport):
    def __init__(self, relay_board: FakeRelayBoard, protocol) -> None:
        super().__init__()
        self.relay_board, self.protocol = relay_board, protocol
        self.lost = False

    def write(self, data: bytes) -> None:
        clock, round_trip = self.relay_board.clock, self.relay_board.round_trip
        for count, piece in enumerate(self.relay_board.obey(data), start=1):
            clock.callLater(count * round_trip, self.deliver, piece)

    def deliver(self, piece: bytes) -> None:
        if not self.lost:
            self.protocol.dataReceived(piece)

    def loseConnection(self) -> None:
        self.lose("closed")

    def abortConnection(self) -> None:
        self.lose("aborted")

    def lose(self, how: str) -> None:
        if self.lost:
            return
        self.lost = True
        self.relay_board.see(how)
        done = Failure(ConnectionDone())
        self.relay_board.clock.callLater(0, self.protocol.connectionLost, done)
