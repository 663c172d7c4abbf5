"""Coils of a relay board: what is asked of it, and what of its answers is believed."""

from __future__ import annotations

import pytest
from twisted.internet.defer import fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from lifeguard.config.places import HostAndPort
from lifeguard.power.drivers.modbus_tcp import DRIVER, ModbusOptions, ModbusTcp
from lifeguard.wire.modbus import Read, Write, encode
from tests.fake_web import outcome

DEADLINE = 105.0
LOOK = "read coil 0 of unit 1"


@implementer(IStreamClientEndpoint)
class FakeCoils:
    """A relay board with eight coils; `oddities` answer instead, by the request."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seen: list[str] = []
        self.on: set[int] = set()
        self.stuck = False
        self.reachable = True
        self.oddities: dict[str, bytes] = {}

    def connect(self, factory):
        if not self.reachable:
            return fail(ConnectionRefusedError("refused"))
        self.seen.append("connected")
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(Wire(self, protocol))
        return succeed(protocol)

    def answer(self, packet: bytes) -> bytes:
        number, unit = int.from_bytes(packet[:2], "big"), packet[6]
        coil = int.from_bytes(packet[8:10], "big")
        on = packet[10] == 0xFF
        request = Read(unit, coil) if packet[7] == 1 else Write(unit, coil, on)
        assert encode(request, number) == packet
        self.seen.append(str(request))
        if (odd := self.oddities.get(str(request))) is not None:
            return odd
        if coil >= 8:
            return packet[:4] + bytes([0, 3, unit, packet[7] | 0x80, 2])
        if isinstance(request, Read):
            return packet[:4] + bytes([0, 4, unit, 1, 1, coil in self.on])
        if not self.stuck:
            (self.on.add if request.on else self.on.discard)(coil)
        return packet


class Wire(StringTransport):
    def __init__(self, coils: FakeCoils, protocol) -> None:
        super().__init__()
        self.coils, self.protocol, self.lost = coils, protocol, False

    def write(self, data: bytes) -> None:
        self.coils.clock.callLater(0, self.deliver, self.coils.answer(data))

    def deliver(self, data: bytes) -> None:
        if data and not self.lost:
            self.protocol.dataReceived(data)

    def loseConnection(self) -> None:
        self.abortConnection()

    def abortConnection(self) -> None:
        if not self.lost:
            self.lost = True
            self.coils.seen.append("ended")
            done = Failure(ConnectionDone())
            self.coils.clock.callLater(0, self.protocol.connectionLost, done)


def rig(**options):
    clock = Clock()
    clock.advance(100)
    coils = FakeCoils(clock)
    where = HostAndPort("192.0.2.12", 502)
    device = ModbusTcp(clock, coils, ModbusOptions(address=where, **options), 3.0)
    return clock, coils, device


@pytest.mark.parametrize("normally_closed", [False, True])
def test_a_coil_is_switched_and_read_back_on_one_connection(normally_closed):
    clock, coils, device = rig(normally_closed=normally_closed)
    assert outcome(device.switch("3", True, DEADLINE), clock, 1) == ["done"]
    assert coils.on == (set() if normally_closed else {3})
    assert outcome(device.switch("3", False, DEADLINE), clock, 1) == ["done"]
    assert coils.on == ({3} if normally_closed else set())
    first, second = ("off", "on") if normally_closed else ("on", "off")
    assert coils.seen == [
        "connected",
        LOOK,
        f"switch {first} coil 3 of unit 1",
        "read coil 3 of unit 1",
        f"switch {second} coil 3 of unit 1",
        "read coil 3 of unit 1",
    ]
    assert device.connected
    device.idle()
    clock.pump([1.0] * 4)
    assert coils.seen[-1] == "ended"
    assert not device.connected


@pytest.mark.parametrize("normally_closed", [False, True])
def test_a_coil_is_read_and_not_touched(normally_closed):
    clock, coils, device = rig(normally_closed=normally_closed)
    coils.on = {3}
    assert outcome(device.read("3", DEADLINE), clock, 1) == [str(not normally_closed)]
    assert outcome(device.read("4", DEADLINE), clock, 1) == [str(normally_closed)]
    assert coils.on == {3}
    device.idle()
    clock.pump([1.0] * 4)


def test_another_unit_behind_a_gateway_is_asked():
    clock, coils, device = rig(unit=17)
    assert outcome(device.switch("3", True, DEADLINE), clock, 1) == ["done"]
    assert coils.seen[1:] == [
        "read coil 0 of unit 17",
        "switch on coil 3 of unit 17",
        "read coil 3 of unit 17",
    ]


def test_a_coil_that_it_has_not_is_refused_and_the_connection_kept():
    clock, _, device = rig()
    assert outcome(device.switch("8", True, DEADLINE), clock, 1) == [
        "Refused: switch on coil 8 of unit 1: illegal data address (exception 2)"
    ]
    assert device.connected
    device.close()
    clock.advance(0)


def test_a_coil_that_stays_as_it_was_is_found_out():
    clock, coils, device = rig()
    coils.stuck = True
    assert outcome(device.switch("3", True, DEADLINE), clock, 5) == [
        "NotSwitched: switched on, but not read back so"
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", "NoAnswer: no answer within 4.875 s: switch on coil 3 of unit 1"),
        (
            b"\0\1\0\0\0\6\1",
            "ShortAnswer: only 7 bytes came within 4.875 s: switch on coil 3 of unit 1",
        ),
        (
            encode(Write(1, 3, True), 1) + b"!",
            "SurplusAnswer: 1 bytes too many came after: switch on coil 3 of unit 1",
        ),
        (
            encode(Write(1, 4, True), 1),
            "ForeignAnswer: 00 01 00 00 00 06 01 05 00 04 ff 00 does not answer:"
            " switch on coil 3 of unit 1",
        ),
        (
            encode(Write(1, 3, True), 9),
            "ForeignAnswer: 00 09 00 00 00 06 01 05 00 03 ff 00 does not answer:"
            " switch on coil 3 of unit 1",
        ),
        (b"HTTP/1.1 400", "ForeignAnswer: 48 54 54 50 2f 31 2e is no header of Modbus"),
    ],
)
def test_an_answer_that_is_wrong_ends_the_connection(answer, expected):
    clock, coils, device = rig()
    coils.oddities["switch on coil 3 of unit 1"] = answer
    assert outcome(device.switch("3", True, DEADLINE), clock, 6) == [expected]
    assert coils.seen[-1] == "ended"


def test_one_that_cannot_be_reached_is_told():
    clock, coils, device = rig()
    coils.reachable = False
    assert outcome(device.test(DEADLINE), clock, 1) == [
        "Unreachable: cannot be reached: Connection was refused by other side: refused"
    ]


def test_the_test_takes_a_refusal_for_an_answer():
    clock, coils, device = rig()
    coils.oddities[LOOK] = bytes.fromhex("000000000003018102")
    heard = outcome(device.test(DEADLINE), clock, 1)
    assert heard == [
        "ForeignAnswer: 00 00 00 00 00 03 01 81 02 does not answer: " + LOOK
    ]
    device.close()
    clock.advance(0)


def test_an_outlet_is_a_coil():
    assert [DRIVER.outlet.parse(coil) for coil in ("0", "65535")] == ["0", "65535"]
    for coil in ("", "65536", "01", "-1", "a"):
        with pytest.raises(ValueError, match=r"^"):
            DRIVER.outlet.parse(coil)
