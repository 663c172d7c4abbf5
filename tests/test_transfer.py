"""What a transfer answers, and when it says something again.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import pytest

from lifeguard.netboot.transfer import (
    COPIES,
    PATIENCE,
    Outcome,
    RetransmissionTimer,
    Transfer,
)
from lifeguard.wire.tftp import Data, Error, Oack, Options, Packet, Rrq, parse
from tests.transfer_rig import OACK, Client, ack, answers_to, blocks, measured, rig

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
