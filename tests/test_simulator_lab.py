"""How the simulated lab is wired, on a reactor without sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import MemoryReactorClock, StringTransport

from lifeguard.simulator.faults import Faults
from lifeguard.simulator.lab import Lab, Options
from lifeguard.simulator.network import Loopback
from lifeguard.simulator.ports import Ports
from lifeguard.simulator.relay import RelayBoard
from lifeguard.simulator.status import DELAY_SECONDS
from lifeguard.wire.proxr import Relay, Switch

PORTS = Ports(http=8080, tftp=6969, manhole=2222, service=7022)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Transport(StringTransport):
    """Stands for UDP and TCP alike."""

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def stopListening(self) -> None: ...

    def write(self, data: bytes, address: object = None) -> None: ...


class Reactor(MemoryReactorClock):
    def __init__(self) -> None:
        super().__init__()
        self.datagrams: list[tuple[str, DatagramProtocol]] = []

    def listenUDP(
        self, port: int, protocol: Any, interface: str, maxPacketSize: int
    ) -> None:
        protocol.transport = Transport()
        self.datagrams.append((interface, protocol))
        protocol.startProtocol()


class Rig(NamedTuple):
    lab: Lab
    reactor: Reactor
    directory: Path

    def switch(self, rack: int, relay: int, on: bool) -> None:
        """Over a connection to the relay board that was listened for as `rack`th."""
        _, factory, _, interface = self.reactor.tcpServers[rack]
        assert interface == "127.0.0.1"
        assert isinstance(factory, RelayBoard)
        connection = factory.buildProtocol(None)
        assert connection is not None
        connection.makeConnection(Transport())
        connection.dataReceived(bytes(Switch(Relay(1, relay), on)))
        connection.connectionLost()

    def unpowered(self) -> list[str]:
        """As the status file has it, once written."""
        self.reactor.advance(DELAY_SECONDS)
        told = json.loads((self.directory / "boards.json").read_text())["boards"]
        return [name for name, board in told.items() if board["power"] == "off"]


def rig(directory: Path, *, boards: int) -> Rig:
    reactor = Reactor()
    options = Options(
        directory=directory, boards=boards, seed=1, faults=Faults(), ports=PORTS
    )
    lab = Lab(options, reactor, lambda: NOON)  # type: ignore[arg-type]
    lab.startService()
    return Rig(lab, reactor, directory)


def test_every_board_has_power_at_first_and_boots_on_its_own_address(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path, boards=9)
    assert str(parts.lab) == "9 boards, 2 relay boards"
    assert parts.unpowered() == []
    parts.reactor.advance(1)
    interfaces = sorted(interface for interface, _ in parts.reactor.datagrams)
    assert interfaces == [f"127.1.0.{number}" for number in range(1, 10)]


def test_a_relay_that_is_on_has_its_board_off(tmp_path: Path) -> None:
    parts = rig(tmp_path, boards=9)
    parts.switch(1, 1, True)
    parts.switch(0, 3, True)
    assert parts.unpowered() == ["sim-03", "sim-09"]
    parts.switch(1, 1, False)
    assert parts.unpowered() == ["sim-03"]
    assert (tmp_path / "relays.log").read_text().splitlines() == [
        "2030-01-01T12:00:00.000+00:00 rack2 1/1 on",
        "2030-01-01T12:00:00.000+00:00 rack1 1/3 on",
        "2030-01-01T12:00:00.000+00:00 rack2 1/1 off",
    ]


def test_a_relay_without_a_board_moves_alone(tmp_path: Path) -> None:
    parts = rig(tmp_path, boards=1)
    parts.switch(0, 8, True)
    assert parts.unpowered() == []
    assert (tmp_path / "relays.log").read_text().endswith(" rack1 1/8 on\n")


def test_a_lab_that_stops_leaves_nothing_running(tmp_path: Path) -> None:
    parts = rig(tmp_path, boards=9)
    parts.reactor.advance(1)
    parts.lab.stopService()
    assert not parts.reactor.getDelayedCalls()


def test_a_board_reports_and_listens_on_its_own_address() -> None:
    reactor = Reactor()
    network = Loopback(
        reactor,  # type: ignore[arg-type]
        "127.1.0.7",
        ("127.0.0.1", 6969),
        7022,
        Faults(),
        Random(1),
    )
    network.open_service()
    port, _, _, interface = reactor.tcpServers[0]
    assert (port, interface) == (7022, "127.1.0.7")
    reported = network.report("http://127.0.0.1:8080/events", "image-running", None)
    connecting: Any = reactor.tcpClients[0]
    host, port, _, _, bound_to = connecting
    assert (host, port, bound_to) == ("127.0.0.1", 8080, ("127.1.0.7", 0))
    reported.addErrback(lambda failure: failure.trap(CancelledError))
    reported.cancel()
