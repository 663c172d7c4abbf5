"""Drivers against servers that no one here wrote; what they do is seen at their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from lifeguard.config.drivers import find_driver
from lifeguard.config.places import HostAndPort
from lifeguard.model import RelayBoard
from lifeguard.power.driver import Device, Surroundings
from lifeguard.power.drivers.modbus_tcp import ModbusOptions
from lifeguard.power.drivers.pdudaemon import PdudaemonOptions
from lifeguard.power.errors import Refused, Unreachable
from lifeguard.power.web import WebOptions

from .peers import PASSWORD, SYSTEM, USER, modbus_server, pdudaemon, redfish_server

pytestmark = pytest.mark.system


def device(driver: str, options: Any, directory: Path) -> Device:
    """The device as the daemon makes it."""
    relay_board = RelayBoard(name="it", driver=driver, address="", options=options)
    made: Device = find_driver(driver).device(
        relay_board, Surroundings(reactor, directory)
    )
    return made


def soon(seconds: float = 12.0) -> float:
    return reactor.seconds() + seconds  # type: ignore[attr-defined,no-any-return]


@ensureDeferred
async def test_coils_of_pymodbus_are_switched(tmp_path: Path) -> None:
    async with modbus_server(reactor, tmp_path) as port:
        options = ModbusOptions(address=HostAndPort("127.0.0.1", port))
        modbus = device("modbus-tcp", options, tmp_path)
        await modbus.test(soon())
        await modbus.switch("3", True, soon())
        await modbus.switch("5", True, soon())
        await modbus.switch("5", False, soon())
        expected = [False, False, False, True, False, False, False, False]
        assert await deferToThread(coils, port) == expected
        with pytest.raises(Refused, match=r"of unit 1: illegal data address"):
            await modbus.switch("99", True, soon())
        await modbus.switch("3", False, soon())
        assert await deferToThread(coils, port) == [False] * 8
        await modbus.close()
    gone = device("modbus-tcp", options, tmp_path)
    with pytest.raises(Unreachable):
        await gone.switch("3", True, soon())


def coils(port: int) -> list[bool]:
    """As pymodbus's own client reads them."""
    from pymodbus.client import ModbusTcpClient

    with ModbusTcpClient("127.0.0.1", port=port) as client:
        found: list[bool] = client.read_coils(0, count=8).bits
    return found


@ensureDeferred
async def test_a_server_of_sushy_tools_is_switched_on_and_off(tmp_path: Path) -> None:
    async with redfish_server(reactor, tmp_path) as port:
        url = f"http://127.0.0.1:{port}"
        options = WebOptions(url=url, user=USER, password=PASSWORD)
        redfish = device("redfish", options, tmp_path)
        await redfish.test(soon())
        # It takes up to 11 seconds, as servers do.
        await redfish.switch(SYSTEM, True, soon(30))
        await redfish.switch(SYSTEM, True, soon())
        await redfish.switch(SYSTEM, False, soon(30))
        with pytest.raises(Refused, match=r"/Systems/nobody: 404"):
            await redfish.switch("nobody", True, soon())
        stranger = device("redfish", WebOptions(url=url), tmp_path)
        with pytest.raises(Refused, match=r"/Systems: 401"):
            await stranger.test(soon())


@ensureDeferred
async def test_ports_of_pdudaemon_are_switched(tmp_path: Path) -> None:
    async with pdudaemon(reactor, tmp_path) as port:
        url = f"http://127.0.0.1:{port}"
        options = PdudaemonOptions(url=url, hostname="local")
        daemon = device("pdudaemon", options, tmp_path)
        await daemon.test(soon())
        await daemon.switch("7", True, soon())
        assert (tmp_path / "port-7").exists()
        await daemon.switch("7", False, soon())
        assert not (tmp_path / "port-7").exists()
        other = PdudaemonOptions(url=url, hostname="other")
        with pytest.raises(Refused, match=r"hostname=other&port=7: 500, Invalid"):
            await device("pdudaemon", other, tmp_path).switch("7", True, soon())
