"""The sockets of port 69 and of a transfer, real ones and one that refuses.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol

from lifeguard.netboot.connection import Client, connect
from lifeguard.netboot.connection import Connection as SocketConnection
from lifeguard.netboot.request_port import RequestPort
from lifeguard.wire.tftp import Data
from tests.tftp_rig import Reactor


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


def largest_packet() -> int:
    connection = connect(Client("127.0.0.1", 9, "127.0.0.1"))
    largest = connection.largest_packet
    connection.close()
    return largest


def test_a_packet_may_be_as_large_as_the_network_takes() -> None:
    """Line 6: all but the headers of IPv4 and UDP; loopback takes all there is."""
    assert largest_packet() >= 65_507


@pytest.mark.system
def test_a_packet_is_no_larger_than_a_narrow_network_takes() -> None:
    """In one of its own, whose frames hold 1400 bytes."""
    program = f"from {__name__} import *; print(largest_packet())"
    command = f'ip link set lo mtu 1400 up && "$0" -c "{program}"'
    said = subprocess.check_output(
        ["unshare", "--net", "sh", "-c", command, sys.executable],
        cwd=Path(__file__).parents[1],
        text=True,
    )
    assert said == "1372\n"


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
