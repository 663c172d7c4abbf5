"""Files arrive whole, however bad the network."""

from __future__ import annotations

import random
from typing import Literal, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeguard.netboot.negotiation import Terms
from lifeguard.netboot.transfer import PATIENCE, Outcome
from tests.transfer_rig import Client, Network, ack, rig, transfer_of

Mode = Literal["octet", "netascii"]


def network(
    seed: int,
    size: int,
    mode: Mode,
    window: int,
    strays: bool,
    loss: float,
    copies: float,
) -> tuple[Network, bytes]:
    """And what the client is to have in the end; a text is mostly ends of lines."""
    dice = random.Random(seed)
    data = dice.randbytes(size) if mode == "octet" else lines(dice, size)
    granted = (("blksize", "8"),)
    terms = Terms(mode=mode, block_size=8, window_size=window, granted=granted)
    client = Client(8, window, strays, following=0)
    if mode == "netascii":
        expected = data.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
    else:
        expected = data
    return Network(transfer_of(data, terms), client, dice, loss, copies), expected


def lines(dice: random.Random, size: int) -> bytes:
    return bytes(dice.choices(b"\r\nx", k=size))


NETWORKS = {
    "seed": st.integers(0, 2**32),
    "size": st.integers(0, 400),
    "mode": st.sampled_from(get_args(Mode)),
    "window": st.sampled_from([1, 2, 4, 16, 64]),
    "strays": st.booleans(),
    "copies": st.floats(0, 0.5),
}


@given(loss=st.floats(0, 0.1), **NETWORKS)
@settings(deadline=None)
def test_a_file_arrives_whole_through_loss_copies_and_disorder(
    seed: int,
    size: int,
    mode: Mode,
    window: int,
    strays: bool,
    loss: float,
    copies: float,
) -> None:
    net, data = network(seed, size, mode, window, strays, loss, copies)
    net.run()
    assert net.client.done
    assert b"".join(net.client.received) == data
    assert net.transfer.outcome is Outcome.FINISHED


@given(loss=st.floats(0.1, 1), **NETWORKS)
@settings(deadline=None)
def test_a_transfer_ends_however_bad_the_network(
    seed: int,
    size: int,
    mode: Mode,
    window: int,
    strays: bool,
    loss: float,
    copies: float,
) -> None:
    """And what has arrived by then is the beginning of the file."""
    net, data = network(seed, size, mode, window, strays, loss, copies)
    net.run()
    arrived = b"".join(net.client.received)
    assert data.startswith(arrived)
    assert net.client.done == (arrived == data and bool(net.client.received))
    assert net.now <= PATIENCE * (2 + len(data) // 8)


@given(st.lists(st.binary(max_size=8) | st.integers(0, 65535).map(ack), max_size=50))
def test_no_datagram_breaks_a_transfer(datagrams: list[bytes]) -> None:
    transfer = rig(window_size=4)
    transfer.start(0.0)
    for datagram in datagrams:
        if transfer.outcome is None:
            assert len(transfer.on_packet(datagram, 0.1)) <= 4
