"""A transfer in virtual time: what it answers, and that files arrive whole.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeguard.netboot.files import MemoryContent
from lifeguard.netboot.negotiation import Terms, UnknownMode, negotiate
from lifeguard.netboot.packets import (
    NetasciiPackets,
    OctetPackets,
    answer_to,
    data_packet,
)
from lifeguard.netboot.transfer import (
    COPIES,
    PATIENCE,
    Outcome,
    RetransmissionTimer,
    Transfer,
)
from lifeguard.wire.tftp import Ack, Data, Error, Oack, Options, Packet, Rrq, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.netboot.packets import Ready

OACK = (("tsize", "0"),)

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Where an example takes long when it fails; a smaller one would tell no more."""


def ack(block: int) -> bytes:
    return bytes(Ack(block))


def answers_to(transfer: Transfer, datagram: bytes, now: float) -> list[bytes]:
    """As the pump asks."""
    packet = transfer.on_next_ack(datagram, now)
    return transfer.on_packet(datagram, now) if packet is None else [packet]


def blocks(packets: list[bytes]) -> list[int]:
    return [packet.block for packet in map(parse, packets) if isinstance(packet, Data)]


def rig(data: bytes = b"x" * 5000, **terms: Any) -> Transfer:
    return transfer_of(data, Terms(**terms))


class StretchedPackets(OctetPackets):
    """Packets of which the next few are at hand, as those of a cache are."""

    def at_hand(self, first: int) -> Iterator[Ready]:
        packets = self.take(first, 5 - first % 5)
        return zip(packets, map(answer_to, packets), strict=True)


def transfer_of(data: bytes, terms: Terms) -> Transfer:
    kind = NetasciiPackets if terms.mode == "netascii" else StretchedPackets
    return Transfer(kind(MemoryContent(data), terms.block_size), terms)


def measured(transfer: Transfer, round_trip: float = 0.01) -> Transfer:
    """Past its OACK, with a measured round trip; the first window is sent at 1.0."""
    transfer.start(1.0 - round_trip)
    transfer.on_packet(ack(0), 1.0)
    return transfer


# What is granted


def granted(*options: tuple[str, str], mode: str = "octet", size: int = 7) -> Options:
    return negotiate(Rrq("f", mode, options), size).granted


def test_a_request_without_options_gets_data_of_512_bytes() -> None:
    """Line 2: never an OACK for the Pi's boot ROM."""
    terms = negotiate(Rrq("f", "octet"), 1000)
    transfer = transfer_of(b"x" * 1000, terms)
    assert transfer.start(0.0) == [bytes(Data(1, b"x" * 512))]


def test_known_options_get_an_oack_and_no_data_before_its_ack() -> None:
    """Line 3: GRUB gives up without an OACK."""
    transfer = rig(b"abc", granted=(("tsize", "3"),))
    assert transfer.start(0.0) == [bytes(Oack((("tsize", "3"),)))]
    assert transfer.on_packet(ack(0), 0.1) == [bytes(Data(1, b"abc"))]


def test_nothing_is_granted_that_was_not_asked() -> None:
    """Line 4: PXELINUX and EDK2 refuse more than they asked for."""
    assert [granted(), granted(("blksize", "1408"))] == [(), (("blksize", "1408"),)]


def test_a_timeout_is_echoed_exactly_or_left_out() -> None:
    """Line 4: U-Boot refuses any other value."""
    asked = ["1", "5", "255", "0", "256", "-1"]
    assert [granted(("timeout", value)) for value in asked] == [
        (("timeout", "1"),),
        (("timeout", "5"),),
        (("timeout", "255"),),
        (),
        (),
        (),
    ]


def test_spelling_and_order_are_the_clients() -> None:
    """Line 5: U-Boot and GRUB compare bytes; no byte follows the last NUL."""
    options = (("TSIZE", "0"), ("BlkSize", "0512"), ("timeout", "5"))
    answer = granted(*options)
    assert answer == (("TSIZE", "7"), ("BlkSize", "512"), ("timeout", "5"))
    assert bytes(Oack(answer)) == b"\0\6TSIZE\x007\0BlkSize\x00512\0timeout\x005\0"


@pytest.mark.parametrize("value", ["7", "0", "abc", "", "65465", "-8", "9" * 5000, "²"])
def test_an_illegal_block_size_is_ignored_alone(value: str) -> None:
    """Line 6."""
    assert granted(("blksize", value), ("tsize", "0")) == (("tsize", "7"),)


@pytest.mark.parametrize("value", ["0", "65536", "four", "+4", " 4"])
def test_an_illegal_window_is_ignored_alone(value: str) -> None:
    """Line 6."""
    assert granted(("windowsize", value), ("tsize", "0")) == (("tsize", "7"),)


@pytest.mark.parametrize(
    ("asked", "size"),
    [("8", 8), ("1024", 1024), ("1468", 1468), ("1469", 1468), ("65464", 1468)],
)
def test_blocks_are_no_larger_than_a_frame_holds(asked: str, size: int) -> None:
    """Line 6: clamped, never raised."""
    terms = negotiate(Rrq("f", "octet", (("blksize", asked),)), 0)
    assert (terms.block_size, terms.granted) == (size, (("blksize", str(size)),))


@pytest.mark.parametrize(("asked", "size"), [("4", 4), ("64", 64), ("65535", 64)])
def test_a_window_is_granted_up_to_64(asked: str, size: int) -> None:
    """Line 7."""
    terms = negotiate(Rrq("f", "octet", (("windowsize", asked),)), 0)
    assert (terms.window_size, terms.granted) == (size, (("windowsize", str(size)),))


def test_the_size_is_told_exactly() -> None:
    """Lines 8 and 25: also when it is 0."""
    assert [granted(("tsize", "0"), size=size) for size in (0, 2**33)] == [
        (("tsize", "0"),),
        (("tsize", "8589934592"),),
    ]


def test_unknown_options_are_ignored_in_silence() -> None:
    """Line 10."""
    options = [("multicast", ""), ("blksize2", "512"), ("utimeout", "100")]
    assert granted(*options, ("rollover", "0"), ("tsize", "0")) == (("tsize", "7"),)
    assert granted(*options) == ()


def test_an_option_named_twice_counts_once() -> None:
    assert granted(("blksize", "512"), ("BLKSIZE", "8")) == (("blksize", "512"),)


def test_the_mode_may_be_in_any_case() -> None:
    """Line 1."""
    modes = [
        negotiate(Rrq("f", mode), 0).mode for mode in ("OCTET", "octet", "NetASCII")
    ]
    assert modes == ["octet", "octet", "netascii"]
    with pytest.raises(UnknownMode):
        negotiate(Rrq("f", "mail"), 0)


def test_the_size_of_a_text_is_not_told() -> None:
    """Line 1: left out rather than wrong."""
    options = (("tsize", "0"), ("blksize", "8"))
    assert granted(*options, mode="netascii") == (("blksize", "8"),)


# Blocks


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


# Beyond block 65,535


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


# The window and its timer


def test_a_duplicate_ack_triggers_nothing() -> None:
    """Line 19: RFC 1123; also with the number of a block long gone."""
    transfer = rig()
    transfer.start(0.0)
    assert blocks(transfer.on_packet(ack(1), 0.1)) == [2]
    assert blocks(transfer.on_packet(ack(2), 0.2)) == [3]
    stale = [transfer.on_packet(ack(block), 0.3) for block in (2, 2, 1, 0, 4, 40000)]
    assert stale == [[]] * 6


def test_what_was_lost_comes_again_by_the_servers_own_timer() -> None:
    """Line 20: no client's packet is needed."""
    transfer = rig()
    first = transfer.start(0.0)
    assert transfer.wakeup == 0.25
    assert transfer.on_timer(0.24) == []
    assert [transfer.on_timer(0.25), transfer.retransmits] == [first, 1]


def test_a_repeated_ack_does_not_put_off_the_timer() -> None:
    """Line 20: a client that repeats itself faster than the timer still gets on."""
    transfer = rig()
    transfer.start(0.0)
    transfer.on_packet(ack(0), 0.2)
    assert transfer.wakeup == 0.25


def answered(transfer: Transfer) -> Transfer:
    """Past its OACK at 0.0, after which the client is silent."""
    transfer.start(0.0)
    transfer.on_request_again()  # so that nothing was measured
    transfer.on_packet(ack(0), 0.0)
    return transfer


def wakeups(transfer: Transfer) -> list[float]:
    """When the transfer sends, if nobody answers, until it ends."""
    times = []
    while transfer.outcome is None:
        times.append(transfer.wakeup)
        transfer.on_timer(transfer.wakeup)
    return times


def test_the_wait_doubles_up_to_five_seconds() -> None:
    """Line 20."""
    first = wakeups(answered(rig(granted=OACK)))[:8]
    assert first == [0.25, 0.75, 1.75, 3.75, 7.75, 12.75, 17.75, 22.75]


def test_the_clients_timeout_is_an_upper_bound() -> None:
    """Line 20: not the only value."""
    times = wakeups(answered(rig(timeout=1, granted=(("timeout", "1"),))))
    assert times[:5] == [0.25, 0.75, 1.75, 2.75, 3.75]


def test_the_wait_follows_the_round_trip() -> None:
    """Line 20: srtt + 4 rttvar, 50 ms at least."""
    timer = RetransmissionTimer(longest=5.0)
    waits = [timer.wait]
    for seconds in (0.04, 0.04, 0.001, 30.0):
        timer.measured(seconds)
        waits.append(round(timer.wait, 4))
    assert waits == [0.25, 0.12, 0.1, 0.1191, 5.0]
    for _ in range(200):
        timer.measured(0.0001)
    assert timer.wait == 0.05


def test_in_lockstep_the_round_trip_is_measured_where_a_stretch_ends() -> None:
    """A block is timed that begins one; the OACK and block 2 are before the first."""
    transfer = rig(b"x" * 512 * 20, granted=OACK)
    transfer.start(0.0)
    told_anew, wait = [], transfer.wakeup
    for block in range(20):
        now = 0.2 * (block + 1)
        answers_to(transfer, ack(block), now)
        if (latest := round(transfer.wakeup - now, 3)) != wait:
            told_anew.append(block)
        wait = latest
    assert told_anew == [0, 2, 5, 10, 15]


def test_a_packet_sent_twice_measures_nothing() -> None:
    """Karn: its ACK may be that of either, and the back-off stays."""
    transfer = rig()
    transfer.start(0.0)
    transfer.on_timer(0.25)
    transfer.on_packet(ack(1), 0.26)
    assert transfer.wakeup == pytest.approx(0.26 + 0.5)
    transfer.on_packet(ack(2), 0.27)
    assert transfer.wakeup == pytest.approx(0.27 + 0.05)


def test_a_transfer_is_kept_through_long_silence() -> None:
    """Line 21: 30 s at the least; U-Boot asks again after 5, GRUB pauses."""
    transfer = answered(rig(granted=OACK))
    times = wakeups(transfer)
    assert times[-1] == PATIENCE >= 30
    assert transfer.outcome is Outcome.GAVE_UP


def test_progress_renews_the_patience() -> None:
    """Line 21."""
    transfer = rig()
    transfer.start(0.0)
    transfer.on_packet(ack(1), PATIENCE - 1)
    assert len(wakeups_after(transfer, 2 * PATIENCE - 2)) > 5
    assert transfer.outcome is None


def wakeups_after(transfer: Transfer, until: float) -> list[float]:
    times = []
    while transfer.wakeup <= until:
        times.append(transfer.wakeup)
        transfer.on_timer(transfer.wakeup)
    return times


def test_an_ack_inside_a_window_goes_on_behind_it_with_a_full_window() -> None:
    """Line 22."""
    transfer = measured(rig(window_size=4, granted=OACK))
    assert blocks(transfer.on_packet(ack(2), 1.01)) == [3, 4, 5, 6]


def test_the_first_block_of_a_window_lost_restarts_it_once_a_round_trip() -> None:
    """Line 22: EDK2 sends the same ACK for each block that follows."""
    transfer = measured(rig(window_size=4, granted=OACK))
    stray = [transfer.on_packet(ack(0), now) for now in (1.01, 1.011, 1.012)]
    assert [blocks(packets) for packets in stray] == [[1, 2, 3, 4], [], []]


def test_an_ack_that_cannot_answer_the_window_yet_restarts_nothing() -> None:
    """Line 19: a copy of the ACK that this window was the answer to."""
    transfer = measured(rig(window_size=4, granted=OACK))
    assert transfer.on_packet(ack(0), 1.001) == []


def test_copies_of_every_block_do_not_multiply() -> None:
    """EDK2 ACKs each copy; restarting at each one made 45,000 packets once."""
    transfer = measured(rig(b"x" * 512 * 400, window_size=4, granted=OACK))
    client = Client(512, 4, answers_strays=True, following=1)
    packets = list(map(parse, map(bytes, [Data(n, b"x" * 512) for n in (1, 2, 3, 4)])))
    queue = [packet for packet in packets for _ in range(2)]
    now, sent = 1.01, 4
    while transfer.outcome is None:
        answers = [answer for packet in queue for answer in client.on_packet(packet)]
        answered = []
        for answer in answers:
            now += 0.0001
            answered += transfer.on_packet(bytes(answer), now)
        sent += len(answered)
        queue = [parse(packet) for packet in answered for _ in range(2)]
        now += 0.01
        if not queue and transfer.outcome is None:
            now = transfer.wakeup
            queue = [parse(packet) for packet in transfer.on_timer(now)]
    assert client.done
    assert sent < 3 * 401


def test_the_timer_resends_the_window_from_the_last_acknowledged_block() -> None:
    """Line 23: U-Boot says nothing about block 1, nor beyond block 32767."""
    transfer = measured(rig(window_size=4, granted=OACK))
    assert blocks(transfer.on_timer(transfer.wakeup)) == [1, 2, 3, 4]
    assert blocks(transfer.on_packet(ack(2), 2.0)) == [3, 4, 5, 6]
    assert blocks(transfer.on_timer(transfer.wakeup)) == [3, 4, 5, 6]


def test_the_last_block_is_resent_and_its_missing_ack_is_no_failure() -> None:
    """Line 26."""
    transfer = answered(rig(b"abc", granted=OACK))
    assert len(wakeups(transfer)) > 10
    assert transfer.outcome is Outcome.FINISHED


# Who has not answered


@pytest.mark.parametrize("granted", [(), OACK])
def test_a_client_that_never_answers_gets_six_copies_of_one_packet(
    granted: Options,
) -> None:
    """Whoever seems to have asked may know nothing of it: no window, no seventh."""
    transfer = rig(window_size=4 if granted else 1, granted=granted)
    [first] = transfer.start(0.0)
    sent = [first]
    while transfer.outcome is None:
        sent += transfer.on_timer(transfer.wakeup)
    assert sent == [first] * COPIES
    assert (COPIES, transfer.outcome) == (6, Outcome.GAVE_UP)


def test_copies_of_the_request_count_too() -> None:
    """A forger may ask as often as he likes."""
    transfer = rig(granted=OACK)
    transfer.start(0.0)
    sent = [len(transfer.on_request_again()) for _ in range(8)]
    assert sent == [1, 1, 1, 1, 1, 0, 0, 0]


def test_one_answer_ends_the_count() -> None:
    transfer = answered(rig(granted=OACK))
    assert [transfer.answered, len(wakeups(transfer)) > COPIES] == [True, True]


# How it ends


@pytest.mark.parametrize("code", [0, 8])
def test_a_probe_ends_at_once_and_without_an_answer(code: int) -> None:
    """Line 18: EDK2, the Pi and Intel's ROM only ask for the size."""
    transfer = rig(granted=OACK)
    transfer.start(0.0)
    error = bytes(Error(code, "User aborted the transfer"))
    assert [transfer.on_packet(error, 0.1), transfer.outcome] == [[], Outcome.PROBED]


def test_an_error_in_the_middle_is_no_probe() -> None:
    transfer = rig()
    transfer.start(0.0)
    transfer.on_packet(ack(1), 0.1)
    transfer.on_packet(bytes(Error(3, "disk full")), 0.2)
    assert transfer.outcome is Outcome.ABORTED


def test_a_client_that_has_gone_ends_it() -> None:
    """Line 26: as a success when the last block was on its way."""
    outcomes = []
    for data in (b"abc", b"x" * 5000):
        transfer = rig(data)
        transfer.start(0.0)
        transfer.on_client_gone()
        outcomes.append(transfer.outcome)
    assert outcomes == [Outcome.FINISHED, Outcome.PROBED]


def test_a_copy_of_the_request_gets_a_copy_of_the_first_packet() -> None:
    """Line 14: until a block was acknowledged; a restarted client needs the OACK."""
    transfer = rig(granted=OACK)
    oack = transfer.start(0.0)
    copies = [transfer.on_request_again()]
    transfer.on_packet(ack(0), 0.1)
    copies.append(transfer.on_request_again())
    transfer.on_packet(ack(1), 0.2)
    copies.append(transfer.on_request_again())
    assert copies == [oack, oack, []]


def test_packets_that_mean_nothing_are_ignored() -> None:
    transfer = rig()
    transfer.start(0.0)
    packets: list[Packet] = [Data(1, b""), Oack(()), Rrq("f", "octet")]
    noise = [b"", b"\0\4", b"\0\5", b"garbage", *map(bytes, packets)]
    assert [transfer.on_packet(packet, 0.1) for packet in noise] == [[]] * len(noise)
    assert transfer.outcome is None


def test_what_was_sent_is_counted() -> None:
    transfer = rig(b"x" * 600)
    transfer.start(0.0)
    transfer.on_timer(0.25)
    transfer.on_packet(ack(1), 0.3)
    transfer.on_packet(ack(2), 0.4)
    assert (transfer.bytes_sent, transfer.retransmits) == (600, 1)


# Bad networks


@dataclass
class Client:
    """A client of RFC 7440. `following` is the block it waits for; 0 is an OACK."""

    block_size: int
    window_size: int
    answers_strays: bool
    following: int
    received: list[bytes] = field(default_factory=list)
    since_ack: int = 0
    done: bool = False

    def on_packet(self, packet: Packet) -> list[Ack]:
        if isinstance(packet, Oack) and self.following <= 1:
            self.following = 1
            return [Ack(0)]
        if not isinstance(packet, Data) or self.following == 0:
            return []
        if packet.block != self.following & 0xFFFF:
            return [self.last_ack()] if self.answers_strays else []
        return self.on_block(packet.payload)

    def on_block(self, payload: bytes) -> list[Ack]:
        assert not self.done, "a block after the last"
        self.received.append(payload)
        self.following += 1
        self.since_ack += 1
        self.done = len(payload) < self.block_size
        if self.done or self.since_ack == self.window_size:
            return [self.last_ack()]
        return []

    def on_timer(self) -> list[Ack]:
        """Line 21: a lost ACK is repaired by the client alone."""
        return [] if self.done or self.following == 0 else [self.last_ack()]

    def last_ack(self) -> Ack:
        self.since_ack = 0
        return Ack((self.following - 1) & 0xFFFF)


@dataclass
class Network:
    """Two ends and what is between them; `random` decides what is lost or doubled."""

    transfer: Transfer
    client: Client
    random: random.Random
    loss: float
    copies: float
    underway: list[tuple[float, int, str, bytes]] = field(default_factory=list)
    sent: int = 0
    now: float = 0.0
    lost: set[int] = field(default_factory=set)
    """When the client waits for one of these blocks, the next packet does not come."""
    delays: tuple[float, ...] = (0.0001, 0.001, 0.01, 0.3)
    most: float = inf
    """Packets that are ever sent; two who misunderstand each other do not run dry."""

    def send(self, to: str, packets: list[bytes]) -> None:
        for packet in packets:
            for _ in range(1 + (self.random.random() < self.copies)):
                self.sent += 1
                if self.random.random() >= self.loss:
                    delay = self.random.choice(self.delays)
                    due = (self.now + delay, self.sent, to, packet)
                    heappush(self.underway, due)

    def run(self, until: int | None = None) -> None:
        """To the end, or until the client has so many blocks; then it can go on."""
        if not self.underway:
            heappush(self.underway, (5.0, 0, "timer", b""))
            self.send("client", self.transfer.start(self.now))
        while self.transfer.outcome is None and self.client.following != until:
            assert self.now < 10_000, "it never ends"
            assert self.sent < self.most, "they only say the same again and again"
            if self.underway and self.underway[0][0] <= self.transfer.wakeup:
                self.deliver()
            else:
                self.now = self.transfer.wakeup
                self.send("client", self.transfer.on_timer(self.now))

    def deliver(self) -> None:
        self.now, _, to, packet = heappop(self.underway)
        if to == "timer":
            heappush(self.underway, (self.now + 5.0, 0, "timer", b""))
            self.send("server", [bytes(answer) for answer in self.client.on_timer()])
        elif to == "client" and self.client.following in self.lost:
            self.lost.remove(self.client.following)
        elif to == "client":
            answers = self.client.on_packet(parse(packet))
            self.send("server", [bytes(answer) for answer in answers])
        else:
            self.send("client", answers_to(self.transfer, packet, self.now))


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
