"""Ports of loopback that nobody uses, below those that systems hand out themselves.

A port handed out by the system might be taken again by an outgoing connection before
the daemon binds it.
"""

from __future__ import annotations

import socket
from random import Random

from msgspec import Struct

_BELOW_EPHEMERAL = range(20_000, 32_000)


class Ports(Struct, frozen=True, kw_only=True):
    """Where the daemon shall listen, and the port each running system answers on."""

    http: int
    tftp: int
    manhole: int
    service: int


def choose_ports(http: int, tftp: int) -> Ports:
    """Those given; 0 and the others are chosen free, for TCP and UDP alike."""
    free = iter(Random().sample(_BELOW_EPHEMERAL, len(_BELOW_EPHEMERAL)))
    ports = filter(_is_free, free)
    return Ports(
        http=http or next(ports),
        tftp=tftp or next(ports),
        manhole=next(ports),
        service=next(ports),
    )


def _is_free(port: int) -> bool:
    """Free on every address, as boards have addresses of their own."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True
