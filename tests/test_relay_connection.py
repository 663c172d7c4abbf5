"""One connection to a relay board: what is written, and what each answer comes to."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lifeguard.power.connection import Connection, Exchange
from lifeguard.power.drivers.proxr import Proxr, exchange
from lifeguard.power.errors import (
    BadOutlet,
    Closed,
    Disconnected,
    ForeignAnswer,
    NoAnswer,
    NotSwitched,
    ReadsDisagree,
    ShortAnswer,
    SurplusAnswer,
)
from lifeguard.wire.proxr import LinkTest, Read, Relay, Switch

RELAY = Relay(bank=1, number=3)
ON, OFF, READ = (bytes([254, code, 1]) for code in (110, 102, 118))


class Packets(StringTransport):
    """Keeps what was sent in one write apart from the next."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.packets.append(data)


class Rig(NamedTuple):
    connection: Connection
    transport: Packets
    clock: Clock
    dialect: str

    def ask(self, command, deadline=5.0):
        """The list into which the outcome will be put."""
        return outcome(self.ask_it(command, deadline))

    def ask_it(self, command, deadline=5.0):
        return self.connection.ask(exchange(command, self.dialect), deadline)


def rig(dialect="classic"):
    clock, transport = Clock(), Packets()
    connection = Connection(clock)
    connection.makeConnection(transport)
    return Rig(connection, transport, clock, dialect)


def outcome(deferred):
    heard = []
    deferred.addCallbacks(heard.append, lambda failure: heard.append(failure.value))
    return heard


def failed(heard, error, text):
    """Whether the one outcome is that error with that text."""
    return [(type(one), str(one)) for one in heard] == [(error, text)]


def test_a_command_is_one_write_and_its_answer_its_outcome():
    connection, transport, clock, _ = parts = rig()
    heard = parts.ask(Read(RELAY))
    assert (transport.packets, heard) == ([READ], [])
    connection.dataReceived(b"\1")
    assert heard == [True]
    assert clock.getDelayedCalls() == []


def test_one_command_follows_another():
    parts = rig()
    heard = parts.ask(Switch(RELAY, on=True))
    parts.connection.dataReceived(b"\x55")
    heard += parts.ask(LinkTest())
    parts.connection.dataReceived(b"\x55")
    assert heard == [True]
    assert parts.transport.packets == [ON, bytes([254, 33])]
    assert parts.connection.usable


def test_an_answer_may_come_in_pieces():
    parts = rig("advanced")
    heard = parts.ask(Switch(RELAY, on=True))
    parts.connection.dataReceived(b"\1")
    parts.connection.dataReceived(b"\4")
    assert heard == [True]


def test_silence_fails_the_command_at_the_deadline():
    parts = rig()
    parts.clock.advance(2)
    heard = parts.ask(Read(RELAY), deadline=5.0)
    parts.clock.advance(2.5)
    assert heard == []
    parts.clock.advance(0.5)
    assert failed(heard, NoAnswer, "no answer within 3 s: read relay 3 of bank 1")
    assert parts.transport.disconnected


def test_a_short_answer_fails_the_command_and_does_not_move_the_deadline():
    parts = rig("advanced")
    heard = parts.ask(Switch(RELAY, on=False))
    parts.clock.advance(4.9)
    parts.connection.dataReceived(b"\1")
    parts.clock.advance(0.1)
    text = "only 1 bytes came within 5 s: switch off relay 3 of bank 1"
    assert failed(heard, ShortAnswer, text)
    assert parts.transport.disconnected


def test_a_deadline_that_is_over_still_fails_the_command():
    parts = rig()
    parts.clock.advance(10)
    heard = parts.ask(Read(RELAY), deadline=5.0)
    parts.clock.advance(0)
    assert failed(heard, NoAnswer, "no answer within 0 s: read relay 3 of bank 1")


def test_an_answer_that_goes_on_fails_the_command():
    parts = rig()
    heard = parts.ask(Read(RELAY))
    parts.connection.dataReceived(b"\1" * 1000)
    text = "999 bytes too many came after: read relay 3 of bank 1"
    assert failed(heard, SurplusAnswer, text)
    assert parts.transport.disconnected


def test_what_comes_unasked_ends_the_connection():
    parts = rig()
    parts.connection.dataReceived(b"\1")
    assert parts.transport.disconnected
    heard = parts.ask(Read(RELAY))
    text = "not connected any more: read relay 3 of bank 1"
    assert failed(heard, Disconnected, text)
    assert parts.transport.packets == []


def test_the_answer_of_another_command_fails_this_one():
    parts = rig()
    heard = parts.ask(Read(RELAY))
    parts.connection.dataReceived(b"\x55")
    text = "85 does not answer: read relay 3 of bank 1"
    assert failed(heard, ForeignAnswer, text)
    assert parts.transport.disconnected


def test_a_lost_connection_fails_the_command():
    parts = rig()
    heard, lost = parts.ask(Read(RELAY)), outcome(parts.connection.lost)
    parts.connection.connectionLost(Failure(ConnectionLost("reset")))
    [error] = heard
    assert isinstance(error, Disconnected)
    assert str(error).endswith("before the answer to: read relay 3 of bank 1")
    assert lost == [None]
    assert parts.clock.getDelayedCalls() == []


def test_aborting_fails_the_command_with_the_error_given():
    parts = rig()
    heard = parts.ask(Read(RELAY))
    parts.connection.abort(Closed())
    assert failed(heard, Closed, "lifeguard is stopping")
    parts.connection.connectionLost(Failure(ConnectionLost()))
    assert len(heard) == 1


def test_cancelling_a_command_ends_the_connection():
    parts = rig()
    asked = parts.ask_it(Read(RELAY))
    heard = outcome(asked)
    asked.cancel()
    assert (len(heard), parts.transport.disconnected) == (1, True)


# An answer whose length stands in it.


FRAME = Exchange(
    "a frame",
    b"frame?",
    lambda received: 1 + received[0] if received else None,
    lambda answer: answer[1:].decode("ascii"),
)


def test_an_answer_is_as_long_as_it_says():
    parts = rig()
    heard = outcome(parts.connection.ask(FRAME, deadline=5.0))
    for piece in (b"", b"\3", b"ye", b"s"):
        assert heard == []
        parts.connection.dataReceived(piece)
    assert (heard, parts.transport.packets) == (["yes"], [b"frame?"])


def test_an_answer_that_cannot_be_read_ends_the_connection():
    parts = rig()
    heard = outcome(parts.connection.ask(FRAME, deadline=5.0))
    parts.connection.dataReceived(b"\1\xff")
    [error] = heard
    assert (type(error), parts.transport.disconnected) == (ForeignAnswer, True)


# Relays stand the other way round: a relay that is on takes the power away.


class Endpoint:
    """Connects to what a test has in hand."""

    def __init__(self, transport) -> None:
        self.transport = transport

    def connect(self, factory):
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        return succeed(self.protocol)


def switch(on, answers):
    """Switch power with these answers, one a command: the outcome and the packets."""
    clock, transport = Clock(), Packets()
    endpoint = Endpoint(transport)
    device = Proxr(clock, endpoint, "classic", linger=3.0)
    heard = outcome(Deferred.fromCoroutine(device.switch("1/3", on, deadline=12.0)))
    for answer in [85, *answers]:
        endpoint.protocol.dataReceived(bytes([answer]))
    return heard, transport.packets[1:]


@pytest.mark.parametrize(
    ("on", "command", "state"), [(False, ON, 1), (True, OFF, 0)], ids=["off", "on"]
)
def test_power_is_switched_and_read_back_twice(on, command, state):
    assert switch(on, [85, state, state]) == ([None], [command, READ, READ])


def test_reads_that_disagree_fail_the_switch():
    heard, _ = switch(True, [85, 0, 1])
    text = "two reads of relay 3 of bank 1 disagree"
    assert failed(heard, ReadsDisagree, text)


def test_a_relay_that_stays_as_it_was_fails_the_switch():
    heard, _ = switch(False, [85, 0, 0])
    assert failed(heard, NotSwitched, "relay 3 of bank 1 did not switch on")


def test_a_switch_that_is_not_acknowledged_is_not_read_back():
    heard, packets = switch(False, [1])
    text = "1 does not answer: switch on relay 3 of bank 1"
    assert failed(heard, ForeignAnswer, text)
    assert packets == [ON]


def test_an_outlet_that_is_no_relay_is_refused_without_a_connection():
    device = Proxr(Clock(), Endpoint(Packets()), "classic", linger=3.0)
    heard = outcome(Deferred.fromCoroutine(device.switch("9", True, deadline=12.0)))
    assert [type(error) for error in heard] == [BadOutlet]
