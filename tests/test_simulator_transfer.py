"""The simulated loader's TFTP, against a server that is scripted packet by packet."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lifeguard.simulator.transfer import (
    RETRIES,
    RETRY_SECONDS,
    NotFound,
    Transfer,
    TransferError,
)
from lifeguard.wire.tftp import Ack, Data, Error, Oack, Packet, Rrq, parse

SERVER = ("127.0.0.1", 69)
PORT = ("127.0.0.1", 4711)
REQUEST = Rrq("kernel", "octet", (("tsize", "0"), ("blksize", "1408")))


class Transport:
    """Keeps what is sent, and where to."""

    def __init__(self) -> None:
        self.sent: list[tuple[Packet, tuple[str, int]]] = []
        self.open = True

    def write(self, datagram: bytes, address: tuple[str, int]) -> None:
        self.sent.append((parse(datagram), address))

    def stopListening(self) -> None:
        self.open = False


class Rig(NamedTuple):
    transfer: Transfer
    transport: Transport
    clock: Clock
    outcome: list[bytes | Failure]

    def receive(self, *packets: Packet, port: tuple[str, int] = PORT) -> None:
        for packet in packets:
            self.transfer.datagramReceived(bytes(packet), port)

    def error(self) -> BaseException | None:
        (failure,) = self.outcome
        assert isinstance(failure, Failure)
        assert not self.transport.open
        assert not self.clock.getDelayedCalls()
        return failure.value


def rig(losses: tuple[bool, ...] = ()) -> Rig:
    clock, transport = Clock(), Transport()
    script = iter(losses)
    transfer = Transfer(clock, SERVER, "kernel", lambda: next(script, False))
    transfer.transport = transport  # type: ignore[assignment]
    outcome: list[bytes | Failure] = []
    transfer.result.addBoth(outcome.append)
    transfer.startProtocol()
    return Rig(transfer, transport, clock, outcome)


def test_a_file_is_read_with_the_options_granted() -> None:
    parts = rig()
    parts.receive(Oack((("tsize", "10"), ("blksize", "8"))))
    parts.receive(Data(1, b"12345678"), Data(2, b"90"))
    assert parts.outcome == [b"1234567890"]
    assert parts.transport.sent == [
        (REQUEST, SERVER),
        (Ack(0), PORT),
        (Ack(1), PORT),
        (Ack(2), PORT),
    ]
    assert not parts.transport.open
    assert not parts.clock.getDelayedCalls()


def test_a_server_without_options_sends_blocks_of_512() -> None:
    parts = rig()
    parts.receive(Data(1, b"x" * 512), Data(2, b""))
    assert parts.outcome == [b"x" * 512]


def test_a_missing_file_is_not_found() -> None:
    parts = rig()
    parts.receive(Error(1, "no such file"), port=SERVER)
    assert isinstance(error := parts.error(), NotFound)
    assert str(error) == "kernel: no such file"


def test_any_other_error_ends_the_transfer_too() -> None:
    parts = rig()
    parts.receive(Error(2, "not yours"))
    assert not isinstance(error := parts.error(), NotFound)
    assert str(error) == "kernel: not yours"


@pytest.mark.parametrize(
    "option",
    [("blksize", "1409"), ("blksize", "7"), ("windowsize", "4"), ("tsize", "many")],
)
def test_an_option_not_asked_for_is_refused(option: tuple[str, str]) -> None:
    parts = rig()
    parts.receive(Oack((option,)))
    assert isinstance(parts.error(), TransferError)
    refusal = Error(8, f"{'='.join(option)} was not asked for")
    assert parts.transport.sent[-1] == (refusal, PORT)


def test_a_file_that_is_not_as_long_as_promised_is_an_error() -> None:
    parts = rig()
    parts.receive(Oack((("tsize", "11"),)), Data(1, b"short"))
    assert str(parts.error()) == "kernel: 5 bytes, not 11"


def test_a_lost_request_is_sent_again() -> None:
    parts = rig(losses=(True,))
    assert parts.transport.sent == []
    parts.clock.advance(RETRY_SECONDS)
    assert parts.transport.sent == [(REQUEST, SERVER)]


def test_the_last_acknowledgement_is_repeated_until_something_comes() -> None:
    parts = rig()
    parts.receive(Data(1, b"x" * 512))
    parts.clock.advance(RETRY_SECONDS)
    assert parts.transport.sent[-2:] == [(Ack(1), PORT), (Ack(1), PORT)]
    parts.receive(Data(2, b"end"))
    assert parts.outcome == [b"x" * 512 + b"end"]


def test_a_silent_server_is_given_up() -> None:
    parts = rig()
    parts.clock.pump([RETRY_SECONDS] * (RETRIES + 1))
    assert str(parts.error()) == "kernel: the server is silent"
    assert parts.transport.sent == [(REQUEST, SERVER)] * (RETRIES + 1)


def test_a_block_that_comes_twice_is_acknowledged_twice_and_counts_once() -> None:
    parts = rig()
    parts.receive(Data(1, b"x" * 512), Data(1, b"y" * 512), Data(2, b""))
    assert parts.outcome == [b"x" * 512]
    acknowledged = [packet for packet, _ in parts.transport.sent[1:]]
    assert acknowledged == [Ack(1), Ack(1), Ack(2)]


def test_strangers_and_garbage_change_nothing() -> None:
    parts = rig()
    parts.receive(Data(1, b"forged"), port=("127.0.0.9", 69))
    parts.transfer.datagramReceived(b"?", PORT)
    parts.receive(Oack((("blksize", "8"),)))
    parts.receive(Data(1, b"forged"), port=("127.0.0.1", 4712))
    parts.receive(Data(1, b"true"))
    assert parts.outcome == [b"true"]


def test_a_power_cut_closes_the_socket_and_tells_nobody() -> None:
    parts = rig()
    parts.receive(Data(1, b"x" * 512))
    parts.transfer.result.cancel()
    assert isinstance(parts.error(), CancelledError)
    assert len(parts.transport.sent) == 2


def test_block_numbers_roll_over_to_zero() -> None:
    parts = rig()
    parts.receive(Oack((("blksize", "8"),)))
    parts.receive(*(Data(block % 65536, b"12345678") for block in range(1, 65538)))
    parts.receive(Data(2, b""))
    assert parts.outcome == [b"12345678" * 65537]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40))
def test_whatever_is_lost_the_file_arrives_or_fails(
    losses: list[bool], size: int
) -> None:
    """Against a server that answers each packet it gets, and repeats nothing."""
    parts = rig(losses=tuple(losses))
    data = bytes(range(size))
    answered = 0
    while not parts.outcome:
        while answered < len(parts.transport.sent) and not parts.outcome:
            packet, _ = parts.transport.sent[answered]
            answered += 1
            if isinstance(packet, Rrq):
                parts.receive(Oack((("tsize", str(size)), ("blksize", "8"))))
            elif isinstance(packet, Ack):
                block = packet.block
                parts.receive(Data(block + 1, data[block * 8 : block * 8 + 8]))
        if not parts.outcome:
            parts.clock.advance(RETRY_SECONDS)
    assert parts.outcome == [data] or "silent" in str(parts.error())
