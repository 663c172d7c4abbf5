"""Files arrive whole, however bad the network."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeguard.netboot.negotiation import Terms
from lifeguard.netboot.transfer import PATIENCE, Outcome
from tests.transfer_rig import Client, Network, ack, rig, transfer_of


def network(
    seed: int, size: int, window: int, strays: bool, loss: float, copies: float
) -> tuple[Network, bytes]:
    data = random.Random(seed).randbytes(size)
    terms = Terms(block_size=8, window_size=window, granted=(("blksize", "8"),))
    transfer = transfer_of(data, terms)
    client = Client(8, window, strays, following=0)
    return Network(transfer, client, random.Random(seed), loss, copies), data


NETWORKS = {
    "seed": st.integers(0, 2**32),
    "size": st.integers(0, 400),
    "window": st.sampled_from([1, 2, 4, 16, 64]),
    "strays": st.booleans(),
    "copies": st.floats(0, 0.5),
}


@given(loss=st.floats(0, 0.1), **NETWORKS)
@settings(deadline=None)
def test_a_file_arrives_whole_through_loss_copies_and_disorder(
    seed: int, size: int, window: int, strays: bool, loss: float, copies: float
) -> None:
    net, data = network(seed, size, window, strays, loss, copies)
    net.run()
    assert net.client.done
    assert b"".join(net.client.received) == data
    assert net.transfer.outcome is Outcome.FINISHED


@given(loss=st.floats(0.1, 1), **NETWORKS)
@settings(deadline=None)
def test_a_transfer_ends_however_bad_the_network(
    seed: int, size: int, window: int, strays: bool, loss: float, copies: float
) -> None:
    """And what has arrived by then is the beginning of the file."""
    net, data = network(seed, size, window, strays, loss, copies)
    net.run()
    arrived = b"".join(net.client.received)
    assert data.startswith(arrived)
    assert net.client.done == (arrived == data and bool(net.client.received))
    assert net.now <= PATIENCE * (2 + size // 8)


@given(st.lists(st.binary(max_size=8) | st.integers(0, 65535).map(ack), max_size=50))
def test_no_datagram_breaks_a_transfer(datagrams: list[bytes]) -> None:
    transfer = rig(window_size=4)
    transfer.start(0.0)
    for datagram in datagrams:
        if transfer.outcome is None:
            assert len(transfer.on_packet(datagram, 0.1)) <= 4
