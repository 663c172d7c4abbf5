"""What the pump makes of packets, the time, and each other's work.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import errno
from itertools import pairwise
from pathlib import Path

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import LogEvent
from zope.interface.verify import verifyObject

from lifeguard.netboot.connection import Client
from lifeguard.wire.tftp import Ack, Data, Rrq, parse
from tests.netboot_rig import texts
from tests.tftp_rig import (
    ACK_1,
    HERE,
    RRQ,
    RRQ_SIZE,
    CachingLab,
    Lab,
    Reactor,
    outcomes,
)


def test_a_lost_block_comes_again_by_the_clock() -> None:
    """Line 20."""
    lab = Lab()
    lab.receive(RRQ)
    lab.wait(0.8)
    assert lab.connections[0].sent == [bytes(Data(1, b"x" * 512))] * 3


def test_a_shorter_wait_takes_effect_at_once() -> None:
    lab = Lab()
    lab.receive(RRQ)
    lab.arrive(bytes(Ack(1)))
    lab.wait(0.05)
    assert [parse(packet).block for packet in lab.connections[0].sent] == [1, 2, 2]  # type: ignore[union-attr]


def test_a_silent_client_is_given_up_in_the_end(lines: list[LogEvent]) -> None:
    lab = Lab()
    lab.receive(RRQ)
    lab.wait(20)
    assert (lab.connections[0].closed, outcomes(lines)) == (True, ["gave up"])
    assert lab.pending() == []


def test_a_client_that_has_gone_ends_its_transfer_at_once() -> None:
    """Line 26: ICMP port unreachable, met in reading or in sending."""
    lab = Lab()
    lab.receive(RRQ)
    lab.arrive(ConnectionRefusedError())
    lab.receive(RRQ)
    lab.arrive(OSError(113, "administratively prohibited"))
    lab.receive(RRQ)
    lab.connections[2].send_error = ConnectionRefusedError()
    lab.wait(0.25)
    assert [connection.closed for connection in lab.connections] == [True] * 3
    assert lab.poller.handles == []


def test_a_file_that_cannot_be_read_ends_its_own_transfer_only(
    lines: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab()
    lab.receive(RRQ, Client("192.0.2.102", 1, HERE))
    lab.receive(RRQ)

    def fail(offset: int, length: int) -> bytes:
        raise OSError("disk on fire")

    monkeypatch.setattr(lab.opened[1], "read", fail)
    lab.arrive(bytes(Ack(1)))
    assert [connection.closed for connection in lab.connections] == [False, True]
    assert [str(event["reason"]) for event in lines if "reason" in event] == [
        "disk on fire"
    ]


def test_a_fault_of_ours_ends_its_own_transfer_only(
    logged_failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab()
    lab.receive(RRQ, Client("192.0.2.102", 1, HERE))
    lab.receive(RRQ)
    monkeypatch.setattr(lab.opened[1], "read", None)
    lab.arrive(bytes(Ack(1)))
    assert [connection.closed for connection in lab.connections] == [False, True]
    assert [event["log_failure"].type for event in logged_failures] == [TypeError]
    logged_failures.clear()


def test_one_line_is_logged_at_the_end(lines: list[LogEvent]) -> None:
    lab = Lab()
    lab.receive(RRQ)
    lab.wait(0.25)
    lab.arrive(bytes(Ack(1)))
    lab.arrive(bytes(Ack(2)))
    assert texts(lines) == [
        "192.0.2.101 'kernel' finished: 1000 bytes in 0.28 s, 1 packets sent again"
    ]


def test_a_pump_is_one_reader_for_all() -> None:
    lab = Lab()
    lab.receive(RRQ)
    lab.receive(RRQ, Client("192.0.2.102", 1, HERE))
    assert lab.reactor.readers == [lab.pump]
    verifyObject(IReadDescriptor, lab.pump)
    assert (lab.pump.fileno(), lab.pump.logPrefix()) == (98, "tftp")
    lab.pump.connectionLost(None)  # type: ignore[arg-type]
    assert [connection.closed for connection in lab.connections] == [True, True]


def test_a_pump_gives_way_after_two_milliseconds() -> None:
    """Whatever arrives meanwhile: HTTP, the relays and the timers have their turn."""
    assert taken(overrun(), turns=200)[-1] == 17


def test_turns_are_short_while_others_have_work() -> None:
    """An answer over HTTP takes some turns; when nothing more comes they are long."""
    lab = overrun()
    taken(lab, turns=200)
    lab.reactor.advance(0.001)  # the time that others took
    turns = taken(lab, turns=100)
    assert (turns[0], turns[-1], sorted(set(turns))) == (3, 17, [3, 17])


def test_time_that_went_to_requests_is_no_sign_of_others_work() -> None:
    """A storm of names that name nothing must not make the turns short."""
    lab = overrun()
    taken(lab, turns=200)
    lab.pump.addReader(Busy(lab.reactor, seconds=0.0003))
    assert taken(lab, turns=5) == [4] * 5


def test_time_that_was_slept_through_is_no_sign_of_others_work() -> None:
    lab = overrun()
    taken(lab, turns=200)
    lab.poller.tells_always = False
    lab.pump.doRead()  # there is nothing
    lab.poller.tells_always = True
    lab.reactor.advance(1.0)
    assert taken(lab, turns=5) == [17] * 5


class Busy(FileDescriptor):
    """A port whose requests take so much time in each turn."""

    def __init__(self, reactor: Reactor, seconds: float) -> None:
        super().__init__(reactor)
        self._reactor, self._seconds = reactor, seconds

    def fileno(self) -> int:
        return 69

    def doRead(self) -> None:
        self._reactor.advance(self._seconds)


def test_a_port_is_read_among_the_transfers_until_it_is_removed() -> None:
    lab = Lab()
    port = Busy(lab.reactor, seconds=1.0)
    lab.pump.addReader(port)
    lab.pump.doRead()
    for _ in range(2):
        lab.pump.removeReader(port)
        assert lab.poller.handles == []
    lab.poller.told = False
    lab.pump.doRead()
    assert lab.reactor.seconds() == 1.0


def test_one_packet_of_each_is_taken_in_turn_whatever_becomes_of_another() -> None:
    """Of five in one batch: served, silent, gone, refusing what it is sent, served."""
    lab = Lab()
    for number in range(5):
        lab.receive(RRQ, Client(f"192.0.2.{number + 1}", 1, HERE))
    inboxes: list[list[bytes | OSError]]
    inboxes = [[ACK_1], [], [OSError(errno.EIO, "")], [ACK_1], [ACK_1]]
    for connection, inbox in zip(lab.connections, inboxes, strict=True):
        connection.inbox += inbox
    lab.connections[3].send_error = ConnectionRefusedError()
    lab.pump.doRead()
    assert [len(connection.sent) for connection in lab.connections] == [2, 1, 1, 1, 2]
    assert [connection.closed for connection in lab.connections] == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_who_was_ended_within_a_batch_is_passed_over() -> None:
    """The poller has told of it, and another's packet ends it first."""
    lab = Lab()
    clients = [Client(f"192.0.2.{number + 1}", 1, HERE) for number in range(2)]
    for client in clients:
        lab.receive(RRQ, client)
    lab.connections[0].on_send = lambda: lab.receive(RRQ_SIZE, clients[1])
    lab.arrive(ACK_1, transfer=0)
    assert [one.closed for one in lab.connections] == [False, True, False]


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), OSError(errno.ENOBUFS, "")]
)
def test_in_lockstep_only_a_client_that_has_gone_is_ended(
    tmp_path: Path, error: OSError
) -> None:
    """Anything else that keeps a packet here is as good as a loss on the wire."""
    lab = in_lockstep(tmp_path)
    lab.connections[0].send_error = error
    lab.arrive(bytes(Ack(20)))
    assert lab.connections[0].closed == isinstance(error, ConnectionRefusedError)
    assert len(lab.connections[0].sent) == 20


def in_lockstep(root: Path) -> Lab:
    """A client has 19 blocks of a file, and what follows is at hand."""
    (root / "image").write_bytes(bytes(512 * 40))
    lab = CachingLab(root)
    lab.receive(bytes(Rrq("image", "octet")))
    for number in range(1, 20):
        lab.arrive(bytes(Ack(number)))
    assert len(lab.connections[0].sent) == 20
    return lab


def overrun() -> Lab:
    """More arrives than can be taken, each in an eighth of a millisecond."""
    lab = Lab()
    lab.receive(RRQ)
    lab.connections[0].inbox += [b"noise"] * 10_000
    lab.poller.tells_always = True
    lab.reactor.each_look = 2**-13
    return lab


def taken(lab: Lab, turns: int) -> list[int]:
    """How many packets the pump took in each of its next turns."""
    left = [len(lab.connections[0].inbox)]
    for _ in range(turns):
        lab.pump.doRead()
        left.append(len(lab.connections[0].inbox))
    return [before - after for before, after in pairwise(left)]
