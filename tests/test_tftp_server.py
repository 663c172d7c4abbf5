"""The server in virtual time over fake sockets, and a little over real ones.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NoAnswer
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport
from twisted.logger import LogEvent, globalLogPublisher
from zope.interface.verify import verifyObject

from lifeguard.netboot.admission import (
    MOST_OF_ONE,
    MOST_OF_STRANGERS,
    SLOW,
    WAIT,
    Admission,
)
from lifeguard.netboot.connection import Client, connect
from lifeguard.netboot.connection import Connection as SocketConnection
from lifeguard.netboot.files import FileContent, MemoryContent, NotFound, Root
from lifeguard.netboot.image_cache import ImageCache
from lifeguard.netboot.pump import Pump
from lifeguard.netboot.request_port import RequestPort
from lifeguard.netboot.tftp import ANYWHERE, NO_SUCH_FILE, Refused, Requests, TftpServer
from lifeguard.netboot.totals import TransferTotals
from lifeguard.netboot.wheel import TICK
from lifeguard.wire.tftp import Ack, Code, Data, Error, Oack, Rrq, Wrq, parse
from tests.netboot_rig import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

HERE = "192.0.2.1"
BOARD = Client("192.0.2.101", 1203, HERE)
RRQ = bytes(Rrq("kernel", "octet"))
RRQ_SIZE = bytes(Rrq("kernel", "octet", (("tsize", "0"),)))
PROBED = bytes(Error(8, "User aborted the transfer"))
NOT_FOUND = bytes(Error(1, NO_SUCH_FILE))
ACK_1 = bytes(Ack(1))


class Reactor(Clock):
    """A clock that only notes who reads."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[IReadDescriptor] = []
        self.each_look = 0.0
        """Seconds that pass by looking at the clock."""

    def seconds(self) -> float:
        self.rightNow += self.each_look
        return super().seconds()

    def addReader(self, reader: IReadDescriptor) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: IReadDescriptor) -> None:
        self.readers.remove(reader)

    def removeWriter(self, writer: object) -> None:
        pass


class Poller:
    """Tells of every handle that is registered; most have nothing to read then."""

    def __init__(self) -> None:
        self.handles: list[int] = []
        self.told = self.tells_always = False
        self.closed = False

    def fileno(self) -> int:
        return 98

    def register(self, handle: int, events: int, /) -> None:
        self.handles.append(handle)

    def unregister(self, handle: int, /) -> None:
        self.handles.remove(handle)

    def poll(
        self, timeout: float | None = None, maxevents: int = -1
    ) -> list[tuple[int, int]]:
        self.told = self.tells_always or not self.told
        return [(handle, 1) for handle in self.handles] if self.told else []

    def close(self) -> None:
        self.closed = True


@dataclass
class Connection:
    """A socket whose far end is the test. Errors put into `inbox` are raised."""

    number: int = 99
    sent: list[bytes] = field(default_factory=list)
    inbox: list[bytes | OSError] = field(default_factory=list)
    send_error: OSError | None = None
    on_send: Callable[[], object] = bool
    closed: bool = False

    def fileno(self) -> int:
        return self.number

    def receive(self, size: int, flags: int = 0, /) -> bytes:
        if not self.inbox:
            raise BlockingIOError
        first = self.inbox[0] if flags & socket.MSG_PEEK else self.inbox.pop(0)
        if isinstance(first, OSError):
            raise first
        return first

    def transmit(self, packet: bytes, /) -> None:
        self.send([packet])

    def send(self, packets: list[bytes], /) -> None:
        if self.send_error is not None:
            raise self.send_error
        self.sent += packets
        self.on_send()

    def close(self) -> None:
        self.closed = True


class Content(MemoryContent):
    closed = False

    def close(self) -> None:
        self.closed = True


class Lab:
    """A server with its far ends. `files` may hold what the resolver raises."""

    def __init__(
        self, most_transfers: int = 4096, networks: Sequence[IPv4Network] = ANYWHERE
    ) -> None:
        self.files: dict[str, bytes | Exception] = {"kernel": b"x" * 1000}
        self.asked: list[tuple[str, str]] = []
        self.opened: list[Content] = []
        self.connections: list[Connection] = []
        self.connect_error: OSError | None = None
        self.reactor = Reactor()
        self.transport = FakeDatagramTransport()
        self.boards = {BOARD.address}
        self.poller = Poller()
        self.pump = Pump(self.reactor, self.poller)
        self.totals = TransferTotals()
        self.requests = Requests(
            self.resolve,
            self.reactor,
            self.pump,
            ImageCache(2**20),
            self.connect,
            Admission(self.boards.__contains__, networks),
            most_transfers,
            self.totals,
        )
        self.requests.makeConnection(self.transport)

    def resolve(self, name: str, client: str) -> Content:
        self.asked.append((name, client))
        found = self.files.get(name, NotFound(name))
        if isinstance(found, Exception):
            raise found
        self.opened.append(Content(found))
        return self.opened[-1]

    def connect(self, client: Client) -> Connection:
        if self.connect_error is not None:
            raise self.connect_error
        self.connections.append(Connection(100 + len(self.connections)))
        return self.connections[-1]

    def receive(self, datagram: bytes, client: Client = BOARD) -> None:
        self.requests.datagramReceived(datagram, client)

    def arrive(self, datagram: bytes | OSError, transfer: int = -1) -> None:
        """Something for a transfer, by number, that the reactor hears of."""
        self.connections[transfer].inbox.append(datagram)
        self.pump.doRead()

    def pending(self) -> list[object]:
        """Timers, after the turn that finds nothing more to do."""
        self.reactor.advance(TICK)
        return list(self.reactor.getDelayedCalls())

    def wait(self, seconds: float) -> None:
        """Let the time pass, a turn of the pump's timer at a time."""
        self.reactor.pump([TICK] * round(seconds / TICK + 1))

    @property
    def refused(self) -> list[Any]:
        return self.transport.written


@pytest.fixture
def lines() -> Iterator[list[LogEvent]]:
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def outcomes(lines: list[LogEvent]) -> list[str]:
    return [event["outcome"] for event in lines if "outcome" in event]


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
    """Line 1: and the content that was opened is closed."""
    lab = Lab()
    lab.receive(bytes(Rrq("kernel", "mail")))
    assert lab.refused == [(bytes(Error(4, "Neither octet nor netascii")), BOARD)]
    assert [content.closed for content in lab.opened] == [True]


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


# What happens to a transfer


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


class CachingLab(Lab):
    """What is asked for is a file, so that its packets are cached."""

    def __init__(self, root: Path) -> None:
        self._root = Root(root)
        super().__init__()

    def resolve(self, name: str, client: str) -> FileContent:  # type: ignore[override]
        return self._root.open(name)


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


# Who is answered at all


def test_only_the_networks_that_are_named_are_served(lines: list[LogEvent]) -> None:
    """And others hear nothing, not even that."""
    lab = Lab(networks=[IPv4Network("192.0.2.0/25"), IPv4Network("198.51.100.7/32")])
    served = ["192.0.2.101", "192.0.2.129", "198.51.100.7", "198.51.100.8"]
    for address in served:
        lab.receive(bytes(Rrq("nothing", "octet")), Client(address, 1, HERE))
    assert [client.address for _, client in lab.refused] == [served[0], served[2]]
    assert texts(lines)[1] == (
        "192.0.2.129: requests are dropped: not in a network that is served"
    )


def test_an_address_that_has_not_answered_gets_eight_transfers() -> None:
    """Each has a packet of its own; more would be more for whoever is meant."""
    lab = Lab()
    for port in range(20):
        lab.receive(RRQ, Client("192.0.2.101", port, HERE))
    assert len(lab.connections) == MOST_OF_ONE == 8


def test_each_answer_makes_room_for_one_that_waits() -> None:
    """Many boards may share an address, and none of them is to ask again."""
    lab = Lab()
    for port in range(200):
        lab.receive(RRQ_SIZE, Client("192.0.2.101", port, HERE))
    for number in range(200):
        lab.arrive(bytes(Ack(0)), number)
    assert [len(connection.sent) for connection in lab.connections] == [2] * 200


def test_who_waits_too_long_has_asked_again() -> None:
    lab = Lab()
    for port in range(9):
        lab.receive(RRQ_SIZE, Client("192.0.2.101", port, HERE))
    lab.reactor.advance(WAIT)
    lab.arrive(bytes(Ack(0)), 0)
    assert len(lab.connections) == 8


def test_a_forger_does_not_shut_out_the_board_he_plays() -> None:
    """What nobody answers gives way to what is asked after it."""
    lab = Lab()
    for port in range(8):
        lab.receive(RRQ, Client("192.0.2.101", port, HERE))
    lab.wait(SLOW)
    lab.receive(RRQ)
    assert [connection.closed for connection in lab.connections] == [True] + [False] * 8


@pytest.mark.parametrize("ports", [1, 1000])
def test_what_ends_unanswered_counts_for_a_second(ports: int) -> None:
    """One port that asks for two files in turn; or a host that refuses it all."""
    lab = Lab()
    for number in range(1000):
        name = ("kernel", "./kernel")[number % 2]
        lab.files[name] = b"x" * 1000
        board = Client("192.0.2.101", number % ports, HERE)
        lab.receive(bytes(Rrq(name, "octet")), board)
        if ports > 1 and lab.poller.handles:
            lab.arrive(ConnectionRefusedError())
    assert sum(len(connection.sent) for connection in lab.connections) == MOST_OF_ONE
    lab.reactor.advance(SLOW)
    lab.receive(RRQ)
    assert len(lab.connections) == MOST_OF_ONE + 1


def test_strangers_together_get_so_many_and_boards_still_boot() -> None:
    """10,000 half-open transfers of forged addresses are a thousand, for 13 s."""
    lab = Lab()
    for number in range(10_000):
        stranger = Client(f"10.0.{number >> 8}.{number & 255}", 1, HERE)
        lab.receive(RRQ, stranger)
    assert len(lab.poller.handles) == MOST_OF_STRANGERS == 1024
    lab.receive(RRQ)
    lab.arrive(bytes(Ack(1)))
    assert len(lab.connections[-1].sent) == 2
    lab.wait(13)
    assert len(lab.poller.handles) == 1
    assert sum(len(connection.sent) for connection in lab.connections[:1024]) == 6144


def test_what_strangers_ask_is_not_a_line_each(lines: list[LogEvent]) -> None:
    lab = Lab()
    for number in range(1000):
        stranger = Client(f"10.0.{number >> 8}.{number & 255}", 1, HERE)
        lab.receive(bytes(Rrq("nothing", "octet")), stranger)
    lab.reactor.advance(1)
    lab.receive(bytes(Rrq("nothing", "octet")))
    assert len(lab.refused) == 1001
    assert len(lines) == 21
    assert texts(lines)[-1] == (
        "192.0.2.101 'nothing' refused: No such file below the root"
        " (980 lines left out)"
    )


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


# Over real sockets


class Board(DatagramProtocol):
    """A lockstep client; `arrived` fires with the file or the ERROR."""

    noisy = False

    def __init__(self, server: tuple[str, int], request: Rrq) -> None:
        self._server = server
        self._request = request
        self._payload = b""
        self.answered_from: set[tuple[str, int]] = set()
        self.arrived: Deferred[bytes | Error] = Deferred()

    def startProtocol(self) -> None:
        self.transport.write(bytes(self._request), self._server)  # type: ignore[union-attr]

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        packet = parse(datagram)
        self.answered_from.add(addr)
        if isinstance(packet, Error):
            return self.arrived.callback(packet)
        assert isinstance(packet, Data)
        self._payload += packet.payload
        self.transport.write(bytes(Ack(packet.block)), addr)  # type: ignore[union-attr]
        if len(packet.payload) < 512:
            self.arrived.callback(self._payload)


class Disturbed(Board):
    """A client whose transfer a stranger knows of, who wants it to end."""

    def __init__(
        self, server: tuple[str, int], request: Rrq, stranger: socket.socket
    ) -> None:
        super().__init__(server, request)
        self._stranger = stranger

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        for packet in (Error(0, "away"), Ack(1), Ack(2), Rrq("kernel", "octet")):
            self._stranger.sendto(bytes(packet), addr)
        super().datagramReceived(datagram, addr)


class Silent(Board):
    """A client that asks and never answers."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.arrived.callback(datagram)


def next_outcome() -> Deferred[str]:
    """How the next transfer ends, as the log tells."""
    told: Deferred[str] = Deferred()

    def observe(event: LogEvent) -> None:
        if "outcome" in event:
            globalLogPublisher.removeObserver(observe)
            told.callback(event["outcome"])

    globalLogPublisher.addObserver(observe)
    return told.addTimeout(5, reactor)


def server(root: Path, **options: Any) -> TftpServer:
    files = Root(root)
    options = {"address": "127.0.0.1", "port": 0, **options}
    return TftpServer(lambda name, client: files.open(name), reactor, **options)  # type: ignore[arg-type]


async def fetch(
    tftp: TftpServer, name: str, at: str = "127.0.0.1", limit: float = 5
) -> tuple[bytes | Error, set[tuple[str, int]]]:
    """What came for that name, asked at that address, and from where it came."""
    board = Board((at, tftp.port), Rrq(name, "octet"))
    port = reactor.listenUDP(0, board, "127.0.0.1")  # type: ignore[attr-defined]
    try:
        answer = await board.arrived.addTimeout(limit, reactor)
    finally:
        await port.stopListening()
    return answer, board.answered_from


@ensureDeferred
async def test_a_file_is_fetched_over_real_sockets(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(bytes(range(256)) * 100)
    tftp = server(tmp_path)
    tftp.startService()
    kernel, kernel_from = await fetch(tftp, "/kernel")
    missing, missing_from = await fetch(tftp, "../kernel")
    assert kernel == bytes(range(256)) * 100
    assert missing == Error(1, NO_SUCH_FILE)
    assert missing_from == {("127.0.0.1", tftp.port)}
    assert kernel_from & missing_from == set()
    await tftp.stopService()


@ensureDeferred
async def test_answers_come_from_the_address_asked(tmp_path: Path) -> None:
    """Line 11: PXELINUX drops any other, and here the route's is 127.0.0.1."""
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path, address="0.0.0.0")
    tftp.startService()
    for address in ("127.0.0.5", "127.0.0.6"):
        kernel, kernel_from = await fetch(tftp, "kernel", address)
        missing, missing_from = await fetch(tftp, "nothing", address)
        assert (kernel, missing) == (b"x" * 1000, Error(1, NO_SUCH_FILE))
        assert {host for host, _ in kernel_from} == {address}
        assert missing_from == {(address, tftp.port)}
    await tftp.stopService()


@ensureDeferred
async def test_a_stranger_does_not_disturb_a_transfer(tmp_path: Path) -> None:
    """Line 13: the kernel keeps him out, and the transfer goes on."""
    (tmp_path / "kernel").write_bytes(b"x" * 100_000)
    tftp = server(tmp_path)
    tftp.startService()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        board = Disturbed(("127.0.0.1", tftp.port), Rrq("kernel", "octet"), stranger)
        port = reactor.listenUDP(0, board, "127.0.0.1")  # type: ignore[attr-defined]
        answer = await board.arrived.addTimeout(5, reactor)
        await port.stopListening()
    assert answer == b"x" * 100_000
    await tftp.stopService()


@ensureDeferred
async def test_a_fault_of_ours_does_not_close_the_port(
    tmp_path: Path,
    logged_failures: list[LogEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tftp = server(tmp_path)
    tftp.startService()
    with monkeypatch.context() as patched:
        patched.setattr(Requests, "datagramReceived", None)
        with pytest.raises(NoAnswer):
            await fetch(tftp, "nothing", limit=0.2)
    assert [event["log_failure"].type for event in logged_failures] == [TypeError]
    logged_failures.clear()
    answer, _ = await fetch(tftp, "nothing")
    assert answer == Error(1, NO_SUCH_FILE)
    await tftp.stopService()


@ensureDeferred
async def test_stopping_ends_all_transfers(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path)
    tftp.startService()
    board = Silent(("127.0.0.1", tftp.port), Rrq("kernel", "octet"))
    port = reactor.listenUDP(0, board, "127.0.0.1")  # type: ignore[attr-defined]
    await board.arrived.addTimeout(5, reactor)
    outcome = next_outcome()
    await tftp.stopService()
    assert await outcome == "stopped"
    await port.stopListening()


@ensureDeferred
async def test_a_client_whose_port_is_closed_is_noticed(tmp_path: Path) -> None:
    """Line 26: the kernel says so on a connected socket only."""
    (tmp_path / "kernel").write_bytes(b"x" * 1000)
    tftp = server(tmp_path)
    tftp.startService()
    outcome = next_outcome()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        board.sendto(RRQ, ("127.0.0.1", tftp.port))
    assert await outcome == "probed"
    await tftp.stopService()


@ensureDeferred
async def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    first = server(tmp_path)
    first.privilegedStartService()
    first.startService()
    second = server(tmp_path, port=first.port)
    with pytest.raises(CannotListenError):
        second.privilegedStartService()
    await second.stopService()
    await first.stopService()


@ensureDeferred
async def test_a_server_may_be_started_again(tmp_path: Path) -> None:
    tftp = server(tmp_path)
    with pytest.raises(RuntimeError):
        _ = tftp.port
    for _ in range(2):
        tftp.startService()
        answer, _ = await fetch(tftp, "nothing")
        assert answer == Error(1, NO_SUCH_FILE)
        await tftp.stopService()


@ensureDeferred
async def test_port_69_has_room_for_the_requests_of_a_whole_lab() -> None:
    """Line 28: as much as the system lets us have."""
    port = RequestPort(0, DatagramProtocol(), "127.0.0.1", reactor=reactor)
    port.startListening()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        assert receive_buffer(port.getHandle()) > receive_buffer(other)
    await port.stopListening()


class Listener(DatagramProtocol):
    """Notes what comes, and takes a quarter of a millisecond for each."""

    def __init__(self, clock: Reactor) -> None:
        self._clock = clock
        self.heard: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self._clock.rightNow += 0.00025
        self.heard.append(datagram)


def test_requests_give_way_after_half_a_millisecond() -> None:
    """Each may open a file and a socket; a lab's worth would hold up all else."""
    clock = Reactor()
    listener = Listener(clock)
    port = RequestPort(0, listener, "127.0.0.1", reactor=clock)
    port.startListening()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        for number in range(5):
            board.sendto(b"%d" % number, ("127.0.0.1", port.getHost().port))
    heard = []
    for _ in range(4):
        port.doRead()
        heard.append(len(listener.heard))
    assert heard == [2, 4, 5, 5]
    port.connectionLost()


def receive_buffer(handle: socket.socket) -> int:
    return handle.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def opened(connection: SocketConnection) -> socket.socket:
    """The socket of the connection, by another handle."""
    return socket.socket(fileno=os.dup(connection.fileno()))


def test_a_connection_leaves_from_the_address_asked_without_dont_fragment() -> None:
    """Lines 11 and 12."""
    connection = connect(Client("127.0.0.1", 9, "127.0.0.2"))
    with opened(connection) as handle:
        assert handle.getsockname()[0] == "127.0.0.2"
        assert handle.getsockopt(socket.IPPROTO_IP, 10) == 0
    connection.close()


@dataclass
class Handle:
    """A socket that notes what it is told to send, and how often it refuses to."""

    refusals: list[OSError] = field(default_factory=list)
    sent: list[list[bytes]] = field(default_factory=list)

    def fileno(self) -> int:
        return 99

    def recv(self, size: int, flags: int = 0) -> bytes:
        return b""

    def close(self) -> None:
        pass

    def send(self, packet: bytes) -> None:
        self.sendmsg([packet], [])

    def sendmsg(self, packets: list[bytes], ancillary: list[object]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append(packets)


def sent(handle: Handle, packets: list[bytes]) -> list[int]:
    """How many packets went with each call."""
    SocketConnection(handle).send(packets)  # type: ignore[arg-type]
    return [len(packets) for packets in handle.sent]


def test_a_window_goes_in_as_few_calls_as_the_kernel_takes() -> None:
    assert sent(Handle(), [b"x" * 1472] * 64) == [44, 20]
    assert sent(Handle(), [b"x" * 12] * 64) == [64]


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL])
def test_a_window_goes_packet_by_packet_where_it_must(number: int) -> None:
    handle = Handle([OSError(number, "no segmentation")])
    connection = SocketConnection(handle)  # type: ignore[arg-type]
    connection.send([b"x" * 1472] * 3)
    connection.send([b"x" * 1472] * 2)
    assert [len(packets) for packets in handle.sent] == [1] * 5


@pytest.mark.parametrize("error", [OSError(113, "no route"), OSError(105, "no buffer")])
def test_a_network_that_is_ill_is_a_loss_and_no_end(error: OSError) -> None:
    assert sent(Handle([error]), [b"x"]) == []
    assert sent(Handle([error]), [b"x"] * 4) == []


def test_a_closed_port_is_told() -> None:
    with pytest.raises(ConnectionRefusedError):
        sent(Handle([ConnectionRefusedError()]), [b"x"])


def test_the_kernel_cuts_a_window_into_its_packets() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        board.bind(("127.0.0.1", 0))
        board.settimeout(5)
        connection = connect(Client("127.0.0.1", board.getsockname()[1], "127.0.0.1"))
        packets = [bytes(Data(n, b"x" * 512)) for n in range(5)] + [bytes(Data(5, b""))]
        connection.send(packets)
        assert [board.recv(2000) for _ in packets] == packets
        connection.close()


def test_a_client_that_cannot_be_reached_leaves_no_socket_open() -> None:
    with pytest.raises(PermissionError):
        connect(Client("255.255.255.255", 9, "127.0.0.1"))
