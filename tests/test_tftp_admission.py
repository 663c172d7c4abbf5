"""Who is answered at all, when nobody can tell whether the sender is real."""

from __future__ import annotations

from ipaddress import IPv4Network
from weakref import ref

import pytest
from twisted.logger import LogEvent

from lifeguard.netboot.admission import MOST_OF_ONE, MOST_OF_STRANGERS, SLOW, WAIT
from lifeguard.netboot.connection import Client
from lifeguard.netboot.transfer import PATIENCE
from lifeguard.wire.tftp import Ack, Rrq
from tests.netboot_rig import texts
from tests.tftp_rig import ACK_1, HERE, RRQ, RRQ_SIZE, Lab


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


class Address(str):
    """Can tell, unlike a plain one, when nobody has it any more."""


@pytest.mark.parametrize("answers", [[], [ACK_1]], ids=["silent", "begun"])
def test_of_an_address_that_fell_silent_nothing_is_kept(answers: list[bytes]) -> None:
    """Python gives back no memory in which a single thing is left."""
    lab, address = Lab(), Address("192.0.2.102")
    kept = ref(address)
    lab.receive(RRQ, Client(address, 1203, HERE))
    for answer in answers:
        lab.arrive(answer)
    lab.wait(PATIENCE)
    lab.asked.clear()
    del address
    assert kept() is None


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
