"""A lab of one board: lifeguard, a relay board and QEMU, all on 127.0.0.1."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import pytest
from twisted.internet.endpoints import TCP4ServerEndpoint

from lifeguard.simulator.ports import choose_ports
from lifeguard.wire.proxr import Relay

from .daemon import Daemon
from .guest import ETC, write_boot_files
from .machine import Machine
from .rack import RelayBoard

BOARD, MAC = "qemu-01", "02:00:00:00:00:01"


class Lab(NamedTuple):
    """The board, the relay board whose relay 1 of bank 1 feeds it, and lifeguard."""

    board: Machine
    relay_board: RelayBoard
    daemon: Daemon


@asynccontextmanager
async def lab(reactor: Any, directory: Path) -> AsyncIterator[Lab]:
    """The lab at work; everything has ended when it is left.

    Of a test that fails pytest shows the end of every log; all are in `directory`.
    """
    if os.geteuid() != 0:
        pytest.fail("U-Boot asks for TFTP on port 69: run this as root", pytrace=False)
    async with AsyncExitStack() as stack:
        stack.callback(show_logs, directory)
        write_boot_files(directory / "tftp" / "arm64")
        http_port, board_port = free_port(), free_port()
        board = Machine(reactor, directory, MAC, board_port)
        relay_board = RelayBoard({Relay(1, 1): board})
        stack.push_async_callback(relay_board.power_off)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = await endpoint.listen(relay_board)
        stack.push_async_callback(listening.stopListening)
        _configure(
            directory,
            board=BOARD,
            mac=MAC,
            http_port=http_port,
            board_port=board_port,
            relay_board_port=listening.getHost().port,
        )
        daemon = Daemon(reactor, directory, http_port, BOARD)
        stack.push_async_callback(daemon.stop)
        await daemon.ready()
        yield Lab(board, relay_board, daemon)


def _configure(directory: Path, **values: object) -> None:
    """lifeguard's configuration, with these values in it."""
    for name in ("lifeguard.toml", "boards.toml", "installer.cfg.j2"):
        template = Template((ETC / name).read_text())
        (directory / name).write_text(template.substitute(values))


def show_logs(directory: Path) -> None:
    """Say the end of every log; pytest shows it of a test that failed."""
    for log in sorted(directory.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        print(f"--- the end of {log}", *lines[-40:], sep="\n")


def free_port() -> int:
    """A TCP port that nobody listens on, nor is given for an outgoing connection."""
    return choose_ports(0, 0).http
