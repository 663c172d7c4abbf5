"""The socket of one transfer: connected, so that the kernel keeps strangers out.

It also tells when the client has closed its port. Linux, IPv4; what the packets say
does not belong here.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import NamedTuple

_LARGEST_BURST = 65507  # bytes; no more fit what the kernel takes for one datagram
_MOST_SEGMENTS = 64

# Linux; the socket module does not name them.
_IP_MTU_DISCOVER, _IP_PMTUDISC_DONT = 10, 0
_IP_MTU = 14
_UDP_SEGMENT = 103

_HEADERS = 28  # bytes, of IPv4 and of UDP

_SEGMENT_SIZE = struct.Struct("=H")


class Client(NamedTuple):
    """Who asked, and at which of this machine's addresses: answers leave from there.

    PXELINUX drops what comes from any other.
    """

    address: str
    port: int
    asked: str


class Connection:
    """A connected datagram socket that never waits."""

    def __init__(self, handle: socket.socket) -> None:
        self._handle = handle
        self._segments = True
        self.fileno = handle.fileno
        self.close = handle.close
        self.receive = handle.recv
        self.transmit = handle.send
        """Sends one packet; raises OSError, also for what is as good as a loss."""

    @property
    def largest_packet(self) -> int:
        """Bytes of a packet that goes to the client in one frame; raises OSError."""
        return self._handle.getsockopt(socket.IPPROTO_IP, _IP_MTU) - _HEADERS

    def send(self, packets: list[bytes]) -> None:
        """Send packets that are all of one size, save that the last may be shorter.

        Raises ConnectionRefusedError when the client has closed its port. Whatever
        else keeps a packet here is as good as a loss on the wire.
        """
        try:
            if len(packets) == 1:
                self.transmit(packets[0])
            else:
                self._send_window(packets)
        except ConnectionRefusedError:
            raise
        except OSError:
            return

    def _send_window(self, packets: list[bytes]) -> None:
        """In as few calls as there can be; the kernel cuts the packets apart."""
        size = len(packets[0])
        most = min(_MOST_SEGMENTS, _LARGEST_BURST // size)
        for start in range(0, len(packets), most):
            self._send_burst(packets[start : start + most], size)

    def _send_burst(self, packets: list[bytes], size: int) -> None:
        if self._segments:
            ancillary = socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT_SIZE.pack(size)
            try:
                self._handle.sendmsg(packets, [ancillary])
                return
            except OSError as error:
                # The route's device or its MTU does not allow it.
                if error.errno not in (errno.EIO, errno.EINVAL):
                    raise
                self._segments = False
        for packet in packets:
            self._handle.send(packet)


def connect(client: Client) -> Connection:
    """A socket from a free port of the address asked to `client`; raises OSError."""
    handle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # The don't-fragment bit confuses PXE ROMs.
        handle.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        handle.bind((client.asked, 0))
        handle.connect((client.address, client.port))
    except OSError:
        handle.close()
        raise
    return Connection(handle)
