"""Servers that others wrote, for drivers to be tried on; each a process of its own."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
from twisted.internet.task import deferLater

from .child import Child
from .lab import free_port, show_logs

PATIENCE = 30.0
"""Seconds that a server has to start."""

MODBUS = """
import sys
from pymodbus.datastore import (
    ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext,
)
from pymodbus.server import StartTcpServer
device = ModbusDeviceContext(co=ModbusSequentialDataBlock(1, [False] * 8))
StartTcpServer(
    ModbusServerContext(device, single=True), address=("127.0.0.1", int(sys.argv[1]))
)
"""

SYSTEM = "27946b59-9e44-4fa7-8e91-f3527a1ef094"
"""The one that sushy-tools' emulator has."""

USER, PASSWORD = "lifeguard", "secret word"


@asynccontextmanager
async def modbus_server(reactor: Any, directory: Path) -> AsyncIterator[int]:
    """pymodbus with eight coils, all off; its port."""
    async with _server(reactor, directory, "-c", MODBUS, "{port}") as port:
        yield port


@asynccontextmanager
async def redfish_server(reactor: Any, directory: Path) -> AsyncIterator[int]:
    """sushy-tools' emulator of a server that is off, which wants a password."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (directory / "users").write_text(f"{USER}:{hashed}\n")
    (directory / "sushy.conf").write_text(
        f"SUSHY_EMULATOR_STATE_DIR = {str(directory)!r}\n"
        f"SUSHY_EMULATOR_AUTH_FILE = {str(directory / 'users')!r}\n"
        "SUSHY_EMULATOR_FAKE_DRIVER = True\n"
        "SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'\n"
    )
    arguments = [
        *("-m", "sushy_tools.emulator.main", "--fake", "--port", "{port}"),
        *("--config", str(directory / "sushy.conf"), "--interface", "127.0.0.1"),
    ]
    async with _server(reactor, directory, *arguments) as port:
        yield port


@asynccontextmanager
async def pdudaemon(reactor: Any, directory: Path) -> AsyncIterator[int]:
    """pdudaemon with a PDU "local", whose ports are files below `directory`."""
    port = free_port()
    local = {
        "driver": "localcmdline",
        "cmd_on": f"touch {directory}/port-%s",
        "cmd_off": f"rm -f {directory}/port-%s",
    }
    daemon = {"hostname": "127.0.0.1", "port": port, "listener": "http"}
    configuration = {"daemon": daemon, "pdus": {"local": local}}
    (directory / "pdudaemon.conf").write_text(json.dumps(configuration))
    begin = "from pdudaemon import main; main()"
    arguments = ["-c", begin, "--conf", str(directory / "pdudaemon.conf")]
    async with _server(reactor, directory, *arguments, port=port):
        yield port


@asynccontextmanager
async def _server(
    reactor: Any, directory: Path, *arguments: str, port: int | None = None
) -> AsyncIterator[int]:
    """Python with these arguments, once it listens; ended when it is left."""
    port = port or free_port()
    command = [each.replace("{port}", str(port)) for each in arguments]
    child = Child(reactor, [sys.executable, *command], directory / "server.log")
    try:
        for _ in range(round(PATIENCE / 0.1)):
            if child.ended.called or _listens(port):
                break
            await deferLater(reactor, 0.1)
        if child.ended.called or not _listens(port):
            show_logs(directory)
            raise AssertionError("the server has not started")
        yield port
    finally:
        child.signal("KILL")
        await child.ended


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
