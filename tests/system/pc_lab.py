"""A lab of one PC, whose loader is the test's to choose."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import pytest
from twisted.internet.endpoints import TCP4ServerEndpoint

from lifeguard.wire.proxr import Relay

from . import tap
from .daemon import Daemon
from .debian import package_file
from .guest import ETC, write_boot_files
from .lab import BOARD, MAC, free_port, show_logs
from .pc import Firmware, PersonalComputer
from .pc_disk import UNIFIED, write_disk, write_unified
from .rack import RelayBoard


class Place(NamedTuple):
    """Where the board is on the network, and what its DHCP server tells it."""

    network: str
    """A -netdev of QEMU."""
    server: str
    """lifeguard's address on this machine."""
    url: str
    """lifeguard as the board reaches it."""
    address: str
    """The board, as lifeguard is asked by it."""
    guest: str
    """The board, as its system calls itself."""
    web_port: int
    """The board's own web server, as lifeguard reaches it."""


class Way(NamedTuple):
    """How a PC boots: its firmware, its loader and what is said for the disk."""

    firmware: Firmware
    loader: str
    disk_boot: str
    first: str
    """What the DHCP server names; URL stands for lifeguard's, PLACE for its address."""
    programs: Mapping[str, tuple[str, str]] = {}
    """Below the TFTP root: the file it is, and the package that brings it."""
    scripts: Mapping[str, str] = {}
    """Below the TFTP root: the text."""
    boot_file: str = ""

    @property
    def given(self) -> str:
        """What the inventory says that the loader is given."""
        if self.loader == "uefi":
            return f'files = "{UNIFIED}"'
        return f'template = "{self.loader}.j2"'


def user_network(first: str, http_port: int) -> Place:
    """QEMU's own: its DHCP server names `first`, the host's loopback is reachable.

    QEMU answers port 69 of 10.0.2.2 by itself; an address off the board's network
    goes by the gateway to the host's loopback.
    """
    web_port = free_port()
    url = f"http://10.0.2.2:{http_port}"
    named = first.replace("URL", url)
    return Place(
        network=f"user,hostfwd=tcp:127.0.0.1:{web_port}-:80,bootfile={named}",
        server="127.0.0.1",
        url=url,
        address="127.0.0.1",
        guest="10.0.2.15",
        web_port=web_port,
    )


def tap_network(http_port: int) -> Place:
    """One of the board's own, on which it has an address of its own."""
    return Place(
        network=tap.NETWORK,
        server=tap.SERVER,
        url=f"http://{tap.SERVER}:{http_port}",
        address=tap.BOARD,
        guest=tap.BOARD,
        web_port=80,
    )


@asynccontextmanager
async def pc_lab(reactor: Any, directory: Path, way: Way) -> AsyncIterator[Daemon]:
    """The lab at work; everything has ended when it is left."""
    if os.geteuid() != 0:
        pytest.fail("firmware asks for port 69: run this as root", pytrace=False)
    async with AsyncExitStack() as stack:
        stack.callback(show_logs, directory)
        http_port = free_port()
        if way.firmware != "bios":
            place = tap_network(http_port)
            first = way.first.replace("URL", place.url)
            network = tap.tap(reactor, directory, MAC, first)
            await stack.enter_async_context(network)
        else:
            place = user_network(way.first, http_port)
        _write_files(directory / "tftp", way, place)
        board = PersonalComputer(reactor, directory, MAC, way.firmware, place.network)
        relay_board = RelayBoard({Relay(1, 1): board})
        stack.push_async_callback(relay_board.power_off)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = await endpoint.listen(relay_board)
        stack.push_async_callback(listening.stopListening)
        _configure(directory, way, place, http_port, listening.getHost().port)
        daemon = Daemon(reactor, directory, http_port, BOARD)
        stack.push_async_callback(daemon.stop)
        await daemon.ready()
        yield daemon


def _write_files(root: Path, way: Way, place: Place) -> None:
    files = root / "amd64"
    write_boot_files(files, "amd64")
    write_disk(files / "disk.gz", files, f"{_command_line(place)} {_reports(place)}")
    if way.loader == "uefi":
        command_line = f"{_installer(place)} {_reports(place)}"
        write_unified(root / UNIFIED, files, command_line)
    for name, (path, package) in way.programs.items():
        shutil.copyfile(package_file(path, package), root / name)
    for name, text in way.scripts.items():
        (root / name).write_text(text)


def _command_line(place: Place) -> str:
    return f"console=ttyS0 panic=1 test.address={place.guest}"


def _installer(place: Place) -> str:
    return f"{_command_line(place)} test.disk=amd64/disk.gz"


def _reports(place: Place) -> str:
    """What is said to a system that is given no token."""
    events = f"{place.url}/api/v1/boards/{BOARD}/events"
    return f"lifeguard.board={BOARD} lifeguard.url={events}"


def _configure(
    directory: Path, way: Way, place: Place, http_port: int, relay_board_port: int
) -> None:
    """lifeguard's configuration, with these values in it."""
    boot_file = f'boot_file = "{way.boot_file}"' if way.boot_file else ""
    values = {
        **place._asdict(),
        "board": BOARD,
        "mac": MAC,
        "http_port": http_port,
        "relay_board_port": relay_board_port,
        "loader": way.loader,
        "given": way.given,
        "disk_boot": way.disk_boot,
        "boot_file": boot_file,
        "command_line": _installer(place),
    }
    for file in (ETC / "pc").iterdir():
        text = Template(file.read_text()).substitute(values)
        (directory / file.name).write_text(text)
