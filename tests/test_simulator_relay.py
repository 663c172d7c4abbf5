"""The simulated relay board, byte by byte."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from twisted.internet.testing import StringTransport

from lifeguard.simulator.faults import Faults
from lifeguard.simulator.relay import Connection, RelayBoard
from lifeguard.wire.proxr import LinkTest, Read, Relay, Switch

THIRD = Relay(1, 3)


class Transport(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None: ...


class Rig(NamedTuple):
    relay_board: RelayBoard
    connection: Connection
    transport: Transport
    moves: list[tuple[Relay, bool]]

    def answers(self, *packets: bytes) -> bytes:
        """What comes back for these packets, together."""
        for packet in packets:
            self.connection.dataReceived(packet)
        answered: bytes = self.transport.value()
        self.transport.clear()
        return answered


def rig(faults: Faults | None = None) -> Rig:
    moves: list[tuple[Relay, bool]] = []
    relay_board = RelayBoard(
        "rack1",
        faults or Faults(),
        Random(1),
        lambda relay, on: moves.append((relay, on)),
    )
    connection = relay_board.buildProtocol(None)
    assert connection is not None
    transport = Transport()
    connection.makeConnection(transport)
    return Rig(relay_board, connection, transport, moves)


def test_a_power_cycle_moves_the_relay_twice() -> None:
    parts = rig()
    on, off, read = Switch(THIRD, True), Switch(THIRD, False), Read(THIRD)
    assert parts.answers(bytes(read), bytes(on), bytes(read)) == b"\x00\x55\x01"
    assert parts.answers(bytes(off), bytes(read)) == b"\x55\x00"
    assert parts.moves == [(THIRD, True), (THIRD, False)]


def test_a_relay_that_is_on_already_does_not_move() -> None:
    parts = rig()
    on = bytes(Switch(THIRD, True))
    assert parts.answers(on, on) == b"\x55\x55"
    assert parts.moves == [(THIRD, True)]


def test_a_sticking_relay_answers_well_and_reads_back_badly() -> None:
    parts = rig(Faults(relay=1))
    assert parts.answers(bytes(Switch(THIRD, True)), bytes(Read(THIRD))) == b"\x55\x00"
    assert parts.moves == []


def test_the_link_test_is_answered() -> None:
    assert rig().answers(bytes(LinkTest())) == b"\x55"


def test_a_command_split_over_packets_is_lost() -> None:
    parts = rig()
    command = bytes(Switch(THIRD, True))
    assert parts.answers(command[:1], command[1:]) == b""
    assert parts.moves == []


def test_a_second_connection_is_refused_until_the_first_is_closed() -> None:
    parts = rig()
    assert parts.relay_board.buildProtocol(None) is None
    parts.connection.connectionLost()
    assert parts.relay_board.buildProtocol(None) is not None


def test_relays_keep_their_position_when_a_connection_is_lost() -> None:
    parts = rig()
    parts.answers(bytes(Switch(THIRD, True)))
    parts.connection.connectionLost()
    assert parts.relay_board.relays_on == {THIRD}
