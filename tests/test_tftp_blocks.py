"""A file as blocks, also when there are more than numbers for them.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeguard.netboot.negotiation import Terms
from lifeguard.netboot.packets import Ready, answer_to, data_packet
from lifeguard.netboot.transfer import Outcome, Transfer
from lifeguard.wire.tftp import Data, parse
from tests.transfer_rig import OACK, Client, Network, ack, answers_to, rig


def received(transfer: Transfer) -> list[bytes]:
    """The payloads that a client without faults gets."""
    payloads = []
    packets = transfer.start(0.0)
    while transfer.outcome is None:
        packet = parse(packets[-1])
        assert isinstance(packet, Data)
        payloads.append(packet.payload)
        packets = answers_to(transfer, ack(packet.block), 0.0)
    assert transfer.outcome is Outcome.FINISHED
    return payloads


@pytest.mark.parametrize(
    ("data", "payloads"),
    [
        (b"", [b""]),
        (b"1234567", [b"1234567"]),
        (b"12345678", [b"12345678", b""]),
        (b"123456789", [b"12345678", b"9"]),
    ],
)
def test_the_last_block_is_short(data: bytes, payloads: list[bytes]) -> None:
    """Line 25: empty when the size is a multiple, also that of an empty file."""
    assert received(rig(data, block_size=8)) == payloads


@given(st.lists(st.sampled_from([b"\r", b"\n", b"x", b"\0"])), st.integers(8, 16))
def test_a_text_is_translated_across_blocks(parts: list[bytes], size: int) -> None:
    """Line 1: LF becomes CR LF, CR becomes CR NUL."""
    text = b"".join(parts)
    payloads = received(rig(text, mode="netascii", block_size=size))
    wire = {b"\r": b"\r\0", b"\n": b"\r\n"}
    assert b"".join(payloads) == b"".join(wire.get(part, part) for part in parts)
    assert {len(payload) for payload in payloads[:-1]} <= {size}
    assert len(payloads[-1]) < size


UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Where an example takes long when it fails; a smaller one would tell no more."""


class CountedPackets:
    """A file of any length: each block begins with its number, without end."""

    def __init__(self, block_size: int, last: int) -> None:
        self._filling = b"x" * (block_size - 4)
        self.last = last

    def take(self, first: int, most: int) -> list[bytes]:
        numbers = range(first, min(first + most, self.last + 1))
        return [data_packet(number, self._payload(number)) for number in numbers]

    def at_hand(self, first: int) -> Iterator[Ready]:
        packets = self.take(first, 50 - first % 50)
        return zip(packets, map(answer_to, packets), strict=True)

    def payload(self, blocks: int) -> int:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _payload(self, number: int) -> bytes:
        filling = self._filling if number < self.last else b""
        return number.to_bytes(4, "big") + filling


def numbers(client: Client, since: int = 1) -> bool:
    """Whether the client has all blocks in order, from `since` on."""
    got = [int.from_bytes(payload[:4], "big") for payload in client.received]
    return got == list(range(since, since + len(got)))


def counted(block_size: int, window: int, last: int) -> Network:
    """A network without faults, and a file of so many blocks."""
    terms = Terms(block_size=block_size, window_size=window, granted=OACK)
    transfer = Transfer(CountedPackets(block_size, last), terms)
    client = Client(block_size, window, answers_strays=False, following=0)
    dice = random.Random(window)
    net = Network(transfer, client, dice, loss=0, copies=0, delays=(0.001,))
    net.most = 3 * last
    return net


@pytest.mark.parametrize("window", [1, 4, 64])
@pytest.mark.parametrize("block_size", [512, 1468])
def test_a_file_may_have_more_blocks_than_there_are_numbers(
    block_size: int, window: int
) -> None:
    """Line 24: 65,700 blocks of 512 and of 1468 bytes, 33 and 96 MB."""
    net = counted(block_size, window, 65_700)
    net.run()
    assert (net.client.done, numbers(net.client)) == (True, True)
    assert net.transfer.outcome is Outcome.FINISHED


@cache
def nearly_rolled_over(window: int) -> Network:
    """A transfer whose client has 65,490 of 65,580 blocks."""
    net = counted(8, window, 65_580)
    net.run(until=65_490)
    net.client.received.clear()
    return net


@given(
    window=st.sampled_from([1, 2, 4, 16, 64]),
    strays=st.booleans(),
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.1),
    copies=st.floats(0, 0.5),
    lost=st.sets(st.integers(65_530, 65_540)),
)
@settings(deadline=None, phases=UNSHRUNK)
def test_block_numbers_roll_over_to_0_whatever_is_lost_there(
    window: int, strays: bool, seed: int, loss: float, copies: float, lost: set[int]
) -> None:
    """Line 24: each of `lost` for certain the first time, others by chance."""
    net = deepcopy(nearly_rolled_over(window))
    since = net.client.following
    net.client.answers_strays, net.random = strays, random.Random(seed)
    net.loss, net.copies, net.lost = loss, copies, lost
    net.delays, net.most = Network.delays, net.sent + 10_000
    net.run()
    assert (net.client.done, numbers(net.client, since)) == (True, True)
    assert net.client.following == 65_581
    assert (net.transfer.outcome, net.lost) == (Outcome.FINISHED, set())
