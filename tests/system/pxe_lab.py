"""A lab of one board that boots by PXE, and a DHCP server that gives addresses only."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater

from lifeguard.simulator.ports import choose_ports
from lifeguard.wire.proxr import Relay

from .daemon import PAUSE, Daemon
from .emulator import Emulator
from .pxe_network import OURS, SOCKET, Network
from .rack import RelayBoard

BOARD, MAC, ADDRESS = "pc-01", "02:00:00:00:00:01", "198.51.100.50"

SETTINGS = """
[server]
url = "http://{ours}:{http_port}"
[http]
listen = "tcp:{http_port}"
[tftp]
address = "{ours}"
root = "tftp"
[proxy_dhcp]
address = "{ours}"
[proxy_dhcp.loaders]
bios = "pxelinux.0"
uefi-x64 = "syslinux.efi"
uefi-arm64 = "loader.efi"
uefi-x64-http = "http://{ours}:{http_port}/files/syslinux.efi"
"""

BOARDS = """
[relay_boards.rack]
driver = "proxr"
address = "127.0.0.1:{relay_board_port}"
[hardware.pc]
health = []
[images.rescue]
role = "maintenance"
[images.rescue.boot.pc]
loader = "pxelinux"
template = "rescue.cfg.j2"
[boards.{board}]
mac = "{mac}"
address = "{address}"
hardware = "pc"
power = "rack/1/1"
"""

RESCUE = """
prompt 1
label rescue
  kernel rescue
"""
"""It is enough that this is read: the loader asks for more, and waits."""


class Pc(Emulator):
    """QEMU with the firmware of `arguments`, a network card that it boots from first.

    The console of the present boot is in `console.log` of `directory`.
    """

    def __init__(
        self, reactor: Any, directory: Path, network: Network, arguments: list[str]
    ) -> None:
        # TCG by name: a /dev/kvm that is there but does not work hangs the guest.
        command = network.inside(
            *arguments,
            *("-accel", "tcg", "-m", "512", "-nodefaults", "-display", "none"),
            *("-serial", f"file:{directory}/console.log"),
            *("-netdev", f"tap,id=lab,ifname={SOCKET},script=no,downscript=no"),
        )
        super().__init__(reactor, command, directory / "qemu.log")


class PxeLab:
    """One board, its relay board, its DHCP server, and lifeguard."""

    def __init__(self, reactor: Any, directory: Path, daemon: Daemon) -> None:
        self._reactor, self._directory = reactor, directory
        self.daemon = daemon

    async def finds(self, text: str, log: str, seconds: float = 60) -> None:
        """Wait until the log of that name has the text in it."""
        file = self._directory / f"{log}.log"
        for _ in range(round(seconds / PAUSE)):
            if file.exists() and text in file.read_text(errors="replace"):
                return
            await deferLater(self._reactor, PAUSE)
        lines = file.read_text(errors="replace").splitlines()[-40:]
        raise AssertionError("\n".join([f"no {text!r} in {file}:", *lines]))


@asynccontextmanager
async def pxe_lab(
    reactor: Any, directory: Path, arguments: list[str], files: dict[str, bytes]
) -> AsyncIterator[PxeLab]:
    """The lab at work, with these files to load; everything has ended when it is left.

    All logs are in `directory`.
    """
    if os.geteuid() != 0:
        pytest.fail("DHCP and network namespaces are root's: run this as root")
    async with AsyncExitStack() as stack:
        network = Network(reactor, directory)
        stack.push_async_callback(network.end)
        await network.start(MAC, ADDRESS)
        relay_board = RelayBoard(
            {Relay(1, 1): Pc(reactor, directory, network, arguments)}  # type: ignore[dict-item]
        )
        stack.push_async_callback(relay_board.power_off)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = await endpoint.listen(relay_board)
        stack.push_async_callback(listening.stopListening)
        http_port = choose_ports(0, 0).http
        _write_files(directory, files, http_port, listening.getHost().port)
        daemon = Daemon(reactor, directory, http_port, BOARD)
        stack.push_async_callback(daemon.stop)
        await daemon.ready()
        yield PxeLab(reactor, directory, daemon)


def _write_files(
    directory: Path, files: dict[str, bytes], http_port: int, relay_board_port: int
) -> None:
    (directory / "tftp").mkdir()
    for name, content in files.items():
        (directory / "tftp" / name).write_bytes(content)
    (directory / "rescue.cfg.j2").write_text(RESCUE)
    settings = SETTINGS.format(ours=OURS, http_port=http_port)
    (directory / "lifeguard.toml").write_text(settings)
    inventory = BOARDS.format(
        relay_board_port=relay_board_port, board=BOARD, mac=MAC, address=ADDRESS
    )
    (directory / "boards.toml").write_text(inventory)
