"""A hundred thousand hostile inputs, and what is left of the daemon afterwards.

They are thrown once, at a real daemon; each test then looks at one thing.
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from random import Random
from select import select
from threading import Thread
from typing import Any, NamedTuple

import pytest

from lifeguard.wire.tftp import Wrq
from tests import hostile
from tests.hostile_lab import HERE, LIARS, Figures, HostileLab, hostile_lab
from tests.process_lab import LIMIT, until

pytestmark = pytest.mark.system

SEED = 20_260_727
BATCH = 50
ROUNDS = 3
DATAGRAMS, REQUESTS, TORN_REQUESTS = 25_000, 9_000, 1_000
"""Of each round; replies to transfers come on top of the datagrams."""

FLAT = 4 * 2**20
"""Bytes by which the memory may grow over the last two rounds, 70,000 inputs: they
would be 7 MB if only 100 bytes of each were kept."""

BOOT_FILES = (
    "debian/kernel",
    "debian/initrd",
    "pxelinux.cfg/01-02-00-00-00-00-01",
    "pxelinux.cfg/7F010001",
    "pxelinux.cfg/default",
)

_FAULT = re.compile("Traceback|Unhandled|#error|#critical")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


class Strangers:
    """Throw what comes of one seed at a daemon, and look at all that comes back."""

    def __init__(self, lab: HostileLab) -> None:
        self.thrown: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.wrong: list[tuple[bytes, list[int]]] = []
        """Requests, and the statuses that they should not have been answered with."""
        self.leaks: list[bytes] = []
        """Answers with a token in them."""
        target = lab.target()
        self._secrets = target.boot_token.encode(), target.operator_token.encode()
        self._tftp, self._http = lab.tftp, lab.http
        self._random = Random(SEED)
        self._requests = hostile.requests(self._random, target)
        self._torn = hostile.torn_requests(self._random, target)

    # TFTP.

    def throw_datagrams(self, count: int) -> None:
        """So many at the port that takes requests, and as many replies as it wants."""
        with ExitStack() as opened:
            clients = [opened.enter_context(_udp_socket()) for _ in range(32)]
            for _ in range(count // BATCH):
                self._throw_datagrams(clients)

    def _throw_datagrams(self, clients: list[socket.socket]) -> None:
        for _ in range(BATCH):
            datagram = hostile.datagram(self._random, BOOT_FILES)
            self._random.choice(clients).sendto(datagram, self._tftp)
        self.thrown["TFTP"] += BATCH
        self._wait_until_read()
        for client in clients:
            self._reply_to_all(client)

    def _wait_until_read(self) -> None:
        """Datagrams are read in their order: once one more is refused, all are.

        To write is refused at once; who asks to read may have to wait for his turn.
        """
        with _udp_socket() as client:
            client.settimeout(LIMIT)
            client.sendto(bytes(Wrq(hostile.NOWHERE, "octet")), self._tftp)
            self._look_at(client.recv(1024))

    def _reply_to_all(self, client: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                packet, sender = client.recvfrom(65536)
                self._look_at(packet)
                if sender != self._tftp:
                    client.sendto(hostile.reply(self._random), sender)
                    self.thrown["TFTP, to a transfer"] += 1

    # HTTP.

    def throw_requests(self, count: int) -> None:
        """So many that are whole, and so must be answered, many on a connection."""
        for _ in range(count // BATCH):
            self._throw_requests(list(islice(self._requests, BATCH)))

    def _throw_requests(self, requests: list[hostile.Request]) -> None:
        last = hostile.framed("GET", b"/readyz", b"Connection: close")
        data = b"".join([*(request.data for request in requests), last])
        statuses = self._read_statuses(_ask_all(self._http, data))
        assert len(statuses) == len(requests) + 1, requests[len(statuses) - 1]
        for request, status in zip(requests, statuses[:-1], strict=True):
            if status not in request.statuses:
                self.wrong.append((request.data, [status]))
        self.thrown["HTTP"] += len(requests)

    def throw_torn_requests(self, count: int) -> None:
        """So many that are no requests any more, each on a connection of its own."""
        for data in islice(self._torn, count):
            statuses = self._read_statuses(_hang_up_after(self._http, data))
            if any(status >= 500 for status in statuses):
                self.wrong.append((data, statuses))
        self.thrown["HTTP, torn"] += count

    def _read_statuses(self, answers: bytes) -> list[int]:
        self._look_at(answers)
        statuses = [int(status) for status in _STATUS.findall(answers)]
        self.statuses.update(statuses)
        return statuses

    def _look_at(self, answer: bytes) -> None:
        if any(secret in answer for secret in self._secrets):
            self.leaks.append(answer)


def _udp_socket() -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((HERE, 0))
    client.setblocking(False)
    return client


def _ask_all(http: tuple[str, int], data: bytes) -> bytes:
    """All answers to requests, the last of which closes the connection."""
    with socket.create_connection(http, LIMIT) as client:
        # Read meanwhile, or both sides wait for the other to read first.
        sending = Thread(target=client.sendall, args=(data,))
        sending.start()
        answers = b"".join(iter(lambda: client.recv(2**16), b""))
        sending.join(LIMIT)
    return answers


def _hang_up_after(http: tuple[str, int], data: bytes) -> bytes:
    """What is answered before the client has gone."""
    answers = b""
    with (
        socket.create_connection(http, LIMIT) as client,
        suppress(OSError),  # it may be refused before it is over
    ):
        client.sendall(data)
        # An answer comes in less; nothing at all comes where more was promised.
        select([client], [], [], 0.002)
        client.shutdown(socket.SHUT_WR)
        while piece := client.recv(2**16):
            answers += piece
    return answers


class Aftermath(NamedTuple):
    lab: HostileLab
    strangers: Strangers
    figures: list[Figures]
    """Before, and after each round."""
    rows: list[list[Any]]
    """Of the simulated boards' history, before and after."""


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    with hostile_lab(tmp_path_factory.mktemp("lab")) as lab:
        lab.reimage()
        lab.wait_until_hung_up()
        figures, rows = [lab.figures()], [lab.rows()]
        strangers = Strangers(lab)
        lab.reboot_liars()
        for _ in range(ROUNDS):
            strangers.throw_datagrams(DATAGRAMS)
            strangers.throw_requests(REQUESTS)
            strangers.throw_torn_requests(TORN_REQUESTS)
            figures.append(lab.figures())
        lab.heal_liars()
        lab.wait_until_hung_up()
        rows.append(lab.rows())
        yield Aftermath(lab, strangers, figures, rows)


def test_a_hundred_thousand_were_thrown_and_got_far(aftermath: Aftermath) -> None:
    lab, strangers = aftermath.lab, aftermath.strangers
    assert strangers.thrown.total() >= 100_000
    # Few are begun for a host that answers none as it should.
    assert strangers.thrown["TFTP, to a transfer"] > 10
    assert set(strangers.statuses) == {200, 206, 304, 400, 403, 404, 405, 413, 416, 422}
    assert sum(liar.answered for liar in lab.liars) > 10 * LIARS


def test_every_request_is_answered_as_it_deserves(aftermath: Aftermath) -> None:
    assert aftermath.strangers.wrong == []


def test_no_answer_and_no_line_of_the_log_has_a_token(aftermath: Aftermath) -> None:
    target = aftermath.lab.target()
    log = aftermath.lab.log()
    assert aftermath.strangers.leaks == []
    assert target.boot_token not in log
    assert target.operator_token not in log


def test_the_log_tells_of_no_fault(aftermath: Aftermath) -> None:
    lines = aftermath.lab.log().splitlines()
    assert [line for line in lines if _FAULT.search(line)] == []


def test_memory_is_flat(aftermath: Aftermath) -> None:
    _, first, *_, last = aftermath.figures
    assert last.memory - first.memory < FLAT


def test_every_descriptor_is_given_back(aftermath: Aftermath) -> None:
    before = aftermath.figures[0].descriptors
    until(lambda: aftermath.lab.figures().descriptors <= before)


def test_strangers_leave_no_row_of_history(aftermath: Aftermath) -> None:
    before, after = aftermath.rows
    assert after[len(before) :] == []


def test_relay_boards_that_lied_have_switched_all_on_again(
    aftermath: Aftermath,
) -> None:
    assert [liar.relays_on for liar in aftermath.lab.liars] == [set()] * LIARS


def test_the_same_daemon_still_does_its_work(aftermath: Aftermath) -> None:
    lab = aftermath.lab
    assert lab.daemon is not None
    assert lab.daemon.process.poll() is None
    assert lab.ask("/readyz")[0] == 200
    lab.reimage()
