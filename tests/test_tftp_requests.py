"""What is asked on port 69, and what of that is served.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import random

import pytest
from twisted.logger import LogEvent

from lifeguard.netboot.connection import Client
from lifeguard.netboot.tftp import Refused
from lifeguard.wire.tftp import Ack, Code, Data, Error, Oack, Rrq, Wrq, parse
from tests.netboot_rig import texts
from tests.tftp_rig import BOARD, HERE, NOT_FOUND, PROBED, RRQ, RRQ_SIZE, Lab, outcomes

# What is asked on port 69


def test_a_request_is_served_on_a_connection_of_its_own() -> None:
    """Line 13: and everything is given back at the end."""
    lab = Lab()
    lab.receive(RRQ)
    lab.arrive(bytes(Ack(1)))
    lab.arrive(bytes(Ack(2)))
    assert lab.asked == [("kernel", "192.0.2.101")]
    assert lab.connections[0].sent == [
        bytes(Data(1, b"x" * 512)),
        bytes(Data(2, b"x" * 488)),
    ]
    assert (lab.connections[0].closed, lab.opened[0].closed) == (True, True)
    assert (lab.poller.handles, lab.pending()) == ([], [])
    assert lab.refused == []


def test_transfers_are_counted_when_they_have_ended() -> None:
    lab = Lab()
    lab.receive(RRQ)
    lab.wait(0.3)
    lab.arrive(bytes(Ack(1)))
    assert (sum(lab.totals.transfers.values()), lab.totals.bytes) == (0, 0)
    lab.arrive(bytes(Ack(2)))
    lab.receive(RRQ_SIZE)
    lab.arrive(PROBED)
    lab.receive(RRQ)
    lab.requests.stopProtocol()
    counted = {name: n for name, n in lab.totals.transfers.items() if n}
    assert counted == {"finished": 1, "probed": 1, "stopped": 1}
    assert (lab.totals.bytes, lab.totals.retransmits) == (1512, 1)


def test_a_missing_file_is_refused_from_port_69_and_opens_nothing() -> None:
    """Line 16: with a text that ends in NUL (line 17)."""
    lab = Lab()
    lab.receive(bytes(Rrq("pxelinux.cfg/default", "octet")))
    assert lab.refused == [(b"\0\5\0\1No such file below the root\0", BOARD)]
    assert (lab.connections, lab.pending()) == ([], [])


def test_missing_files_are_one_line_for_a_board(lines: list[LogEvent]) -> None:
    """Line 16: every board asks for a dozen of them at every boot."""
    lab = Lab()
    for name in ("01-52-54-00-77-00-0b", "0A4D000B", "0A4D", "default"):
        lab.receive(bytes(Rrq(name, "octet")))
    assert len(lab.refused) == 4
    assert texts(lines) == [
        "192.0.2.101 '01-52-54-00-77-00-0b' refused: No such file below the root"
    ]


def test_a_resolver_may_refuse_with_words_of_its_own() -> None:
    lab = Lab()
    lab.files["kernel"] = Refused(Code.ACCESS_VIOLATION, "Boot your disk")
    lab.receive(RRQ)
    assert lab.refused == [(bytes(Error(2, "Boot your disk")), BOARD)]


def test_each_refusal_has_its_own_code_and_words_however_often_it_was_sent() -> None:
    """The packets are kept: none may be taken for another."""
    lab = Lab()
    told = [(code, words) for code in (1, 2) for words in ("Not now", "Not ever")]
    for code, words in told * 2:
        lab.files["kernel"] = Refused(Code(code), words)
        lab.receive(RRQ)
    expected = [bytes(Error(code, words)) for code, words in told * 2]
    assert [datagram for datagram, _ in lab.refused] == expected


def test_the_same_options_are_granted_anew_for_a_file_of_another_size() -> None:
    """Terms and OACKs are kept, too."""
    lab = Lab()
    for size in (7, 8, 7):
        lab.files["kernel"] = bytes(size)
        lab.receive(RRQ_SIZE)
        lab.arrive(PROBED)
    sent = [parse(connection.sent[0]) for connection in lab.connections]
    assert sent == [Oack((("tsize", str(size)),)) for size in (7, 8, 7)]


def test_nothing_can_be_written() -> None:
    """Line 10."""
    lab = Lab()
    lab.receive(bytes(Wrq("core", "octet")))
    assert lab.refused == [(bytes(Error(2, "Nothing is written here")), BOARD)]


def test_an_unknown_mode_is_refused() -> None:
    """Line 1: and what was opened is closed."""
    lab = Lab()
    lab.receive(bytes(Rrq("kernel", "mail")))
    assert lab.refused == [(bytes(Error(4, "Neither octet nor netascii")), BOARD)]
    assert [content.closed for content in lab.opened] == [True]
    assert [connection.closed for connection in lab.connections] == [True]


def test_blocks_fit_the_frames_of_the_clients_route() -> None:
    """Line 6: a tunnel's are shorter than Ethernet's, and few ROMs reassemble."""
    lab = Lab()
    request = bytes(Rrq("kernel", "octet", (("blksize", "1468"),)))
    for lab.largest_packet in (1392, 1472, 8972):
        lab.receive(request)
        lab.arrive(PROBED)
    sent = [parse(connection.sent[0]) for connection in lab.connections]
    assert sent == [Oack((("blksize", size),)) for size in ("1388", "1468", "1468")]


@pytest.mark.parametrize(
    "datagram",
    [b"", b"\0\1", b"\0\1kernel\0octet", b"\0\1kernel\0", bytes(Ack(1)), PROBED],
)
def test_what_is_no_request_is_ignored_in_silence(
    datagram: bytes, lines: list[LogEvent]
) -> None:
    """Line 9."""
    lab = Lab()
    lab.receive(datagram)
    assert (lab.refused, lab.asked, lines) == ([], [], [])


# Requests that come again


def test_a_request_repeated_is_answered_again_by_the_same_transfer() -> None:
    """Line 14: PXELINUX asks again after 110 ms."""
    lab = Lab()
    for _ in range(3):
        lab.receive(RRQ_SIZE)
    assert len(lab.connections) == 1
    assert lab.connections[0].sent == [bytes(Oack((("tsize", "1000"),)))] * 3


def test_the_same_request_after_progress_is_a_new_one() -> None:
    """Line 15: PXELINUX counts its ports from the same number at every boot."""
    lab = Lab()
    lab.receive(RRQ)
    lab.arrive(bytes(Ack(1)))
    lab.receive(RRQ)
    assert [connection.closed for connection in lab.connections] == [True, False]
    assert [content.closed for content in lab.opened] == [True, False]
    assert lab.connections[1].sent == [bytes(Data(1, b"x" * 512))]


def test_the_same_request_after_the_end_is_a_new_one() -> None:
    """Line 15."""
    lab = Lab()
    lab.receive(RRQ)
    lab.arrive(bytes(Ack(1)))
    lab.arrive(bytes(Ack(2)))
    lab.receive(RRQ)
    assert [connection.closed for connection in lab.connections] == [True, False]


def test_another_file_from_the_same_port_is_a_new_request() -> None:
    """Line 15: U-Boot asked for two configs from one port, 1 ms apart."""
    lab = Lab()
    lab.files["initrd"] = b"initrd"
    lab.receive(RRQ)
    lab.receive(bytes(Rrq("initrd", "octet")))
    assert [connection.closed for connection in lab.connections] == [True, False]
    assert lab.connections[1].sent == [bytes(Data(1, b"initrd"))]


def test_a_missing_file_from_the_same_port_ends_the_old_transfer() -> None:
    lab = Lab()
    lab.receive(RRQ)
    lab.receive(bytes(Rrq("nothing", "octet")))
    assert lab.connections[0].closed
    assert lab.refused == [(NOT_FOUND, BOARD)]


def test_the_same_request_behind_a_waiting_abort_is_a_new_one(
    lines: list[LogEvent],
) -> None:
    """Line 15: the ERROR lies unread on the old transfer's socket."""
    lab = Lab()
    lab.receive(RRQ_SIZE)
    lab.connections[0].inbox.append(PROBED)
    lab.receive(RRQ_SIZE)
    assert [connection.closed for connection in lab.connections] == [True, False]
    assert outcomes(lines) == ["probed"]


def test_copies_behind_a_waiting_ack_do_not_start_anew() -> None:
    """A slow answer met 15 copies from one port; the first transfer is the one."""
    lab = Lab()
    lab.receive(RRQ_SIZE)
    lab.connections[0].inbox += [bytes(Ack(0)), bytes(Ack(1))]
    for _ in range(14):
        lab.receive(RRQ_SIZE)
    assert len(lab.connections) == 1


def test_clients_do_not_disturb_each_other() -> None:
    lab = Lab()
    for port in (1, 2):
        lab.receive(RRQ, Client("192.0.2.101", port, HERE))
        lab.receive(RRQ, Client("192.0.2.102", port, HERE))
    assert len(lab.connections) == len(lab.poller.handles) == 4


# When there is too much


def test_without_descriptors_a_request_is_dropped_and_the_others_go_on(
    lines: list[LogEvent],
) -> None:
    """Lines 17 and 28: no ERROR, one line in the log."""
    lab = Lab()
    lab.receive(RRQ)
    lab.connect_error = OSError(24, "Too many open files")
    for port in range(5):
        lab.receive(RRQ, Client("192.0.2.102", port, HERE))
    lab.files["kernel"] = lab.connect_error
    lab.receive(RRQ, Client("192.0.2.103", 1, HERE))
    assert (lab.refused, len(lab.poller.handles)) == ([], 1)
    assert [content.closed for content in lab.opened] == [False] + [True] * 5
    assert texts(lines) == ["192.0.2.102: requests are dropped: Too many open files"]
    lab.arrive(bytes(Ack(1)))
    assert len(lab.connections[0].sent) == 2


def test_there_are_never_more_transfers_than_allowed() -> None:
    lab = Lab(most_transfers=2)
    for port in (1, 2, 3):
        lab.receive(RRQ, Client("192.0.2.101", port, HERE))
    assert (len(lab.connections), lab.refused) == (2, [])
    lab.arrive(PROBED)
    lab.receive(RRQ, Client("192.0.2.101", 3, HERE))
    assert (len(lab.connections), len(lab.poller.handles)) == (3, 2)


def test_a_fault_in_the_resolver_harms_nobody_else(
    logged_failures: list[LogEvent],
) -> None:
    lab = Lab()
    lab.files["bad"] = RuntimeError("template")
    lab.receive(bytes(Rrq("bad", "octet")))
    lab.receive(RRQ)
    assert [event["log_failure"].type for event in logged_failures] == [RuntimeError]
    assert (len(lab.connections), lab.refused) == (1, [])
    logged_failures.clear()


def test_no_datagram_does_harm() -> None:
    """20,000 random and mutated ones, from ports that come again."""
    lab = Lab(most_transfers=50)
    dice = random.Random(69)
    seeds = [RRQ, RRQ_SIZE, PROBED, bytes(Ack(1)), bytes(Wrq("a", "octet"))]
    seeds += [bytes(Rrq(name, "netascii")) for name in ("../etc/passwd", "", "kernel")]
    for _ in range(20_000):
        datagram = bytearray(dice.choice(seeds))
        for _ in range(dice.choice([0, 0, 1, 3])):
            datagram[dice.randrange(len(datagram))] = dice.randrange(256)
        datagram = dice.choice([datagram, datagram, datagram[: dice.randrange(20)]])
        lab.receive(bytes(datagram), Client("192.0.2.101", dice.randrange(200), HERE))
        if lab.connections and dice.random() < 0.3:
            lab.arrive(bytes(datagram), -dice.randint(1, min(50, len(lab.connections))))
        lab.reactor.advance(0.001)
        assert len(lab.poller.handles) <= 50
    lab.requests.doStop()
    assert all(connection.closed for connection in lab.connections)
    assert all(content.closed for content in lab.opened)
    assert (lab.poller.handles, lab.pending()) == ([], [])
