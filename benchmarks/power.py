"""How long until boards are on again: one relay board, sixty-four, one that hangs.

The relay boards are simulated, on real sockets, in a process of their own; each answers
after `delay` ms, as a real one does. Beside 14 boards of one relay board stands a bare
loop over a socket of its own: all off, one off time, all on, nothing else. Beside 64
relay boards stands one of them alone, and beside the others of one that hangs, the same
without it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.task import react

from benchmarks.report import Figure, arguments, percentile, show
from lifeguard.config.places import HostAndPort
from lifeguard.model import Outlet, RelayBoard
from lifeguard.power import Power, RelayBoardQueue
from lifeguard.power.driver import Surroundings
from lifeguard.power.drivers.proxr import DRIVER, ProxrOptions
from lifeguard.simulator.faults import Faults
from lifeguard.simulator.relay import Connection
from lifeguard.simulator.relay import RelayBoard as SimulatedRelayBoard
from lifeguard.wire.proxr import LinkTest, Read, Switch, parse_relay

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from benchmarks.report import Run
    from lifeguard.model import Owed

FIGURES = (
    Figure("a bare loop over 14 boards", "s"),
    Figure("14 boards of one relay board", "s", "a bare loop over 14 boards", "1.3"),
    Figure("16 boards of one relay board", "s"),
    Figure("16 boards of each of 64", "s", "16 boards of one relay board"),
    Figure("p99 of a board, of 64", "s"),
    Figure("p99 while one of 64 hangs", "s", "p99 of a board, of 64", "1"),
)

OFF_SECONDS = 1.0


def main() -> None:
    chosen = arguments(__doc__, runs=3, racks=64, delay=5, serve=0)
    if chosen.serve:
        react(serve, [chosen])
    else:
        react(partial(_measure, chosen), [])


def _measure(chosen: Namespace, reactor: Any) -> Deferred[None]:
    async def measure() -> None:
        show(FIGURES, [await _run(chosen, reactor) for _ in range(chosen.runs)])

    return Deferred.fromCoroutine(measure())


async def _run(chosen: Namespace, reactor: Any) -> Run:
    with relay_boards(chosen) as ports:
        silent, *racks = ports
        floor = bare_loop(racks[0], 14)
        fourteen = await cycled(reactor, racks[:1], 14)
        alone = await cycled(reactor, racks[:1], 16)
        together = await cycled(reactor, racks, 16)
        beside = await cycled(reactor, racks[1:], 16, hanging=silent)
    values = (
        floor,
        max(fourteen),
        max(alone),
        max(together),
        percentile(together, 0.99),
        percentile(beside, 0.99),
    )
    names = (figure.name for figure in FIGURES)
    return dict(zip(names, values, strict=True))


# What is measured.


class Reports:
    """Hears when each board that is waited for is on again; nothing is stored."""

    def __init__(self) -> None:
        self.on_again: dict[str, Deferred[float]] = {}

    def about(self, board: str) -> BoardReports:
        return BoardReports(self.on_again.get(board))

    def relay_board_changed(self, *changed: object) -> None:
        """The one that hangs."""

    def outlet_is_on(self, owed: Owed) -> Deferred[None]:
        return succeed(None)


class BoardReports:
    """Hears when one board is on again, if it is waited for."""

    def __init__(self, on_again: Deferred[float] | None) -> None:
        self._on_again = on_again

    def cycle_started(self, generation: int) -> Deferred[bool]:
        return succeed(True)

    def cycle_ended(self, generation: int, failure: str | None) -> None:
        if self._on_again is not None:
            assert failure is None, failure
            self._on_again.callback(time.monotonic())

    def cycle_held(self, *held: object) -> None:
        """By the one that hangs."""

    cycle_goes_on = cycle_void = switched_off = found_on = cycle_held


async def cycled(
    reactor: Any, ports: list[int], boards: int, hanging: int | None = None
) -> list[float]:
    """Seconds until each board of each relay board is on again, asked for at once.

    Boards of the one that hangs are asked for too, and not waited for.
    """
    reports = Reports()
    names = {f"rack{port}": port for port in (*ports, *([hanging] if hanging else []))}
    queues = {name: queue(reactor, name, port) for name, port in names.items()}
    power = Power(reactor, queues, reports, stop_seconds=0.1)
    power.startService()
    begun = time.monotonic()
    for number in range(boards):
        for name in names:
            board = f"{name}-{number}"
            if names[name] != hanging:
                reports.on_again[board] = Deferred()
            power.cycle(board, 1, (Outlet(name, rest(number)),))
    moments = await gatherResults(list(reports.on_again.values()))
    for each in queues.values():
        await each.close()
    return [moment - begun for moment in moments]


def queue(reactor: Any, name: str, port: int) -> RelayBoardQueue:
    """As the daemon makes it."""
    address = HostAndPort("127.0.0.1", port)
    relay_board = RelayBoard(
        name=name,
        driver="proxr",
        address=str(address),
        off_seconds=OFF_SECONDS,
        options=ProxrOptions(address=address),
    )
    device = DRIVER.device(relay_board, Surroundings(reactor, Path()))
    return RelayBoardQueue(reactor, relay_board, device)


def bare_loop(port: int, boards: int) -> float:
    """Seconds that no program could do without."""
    relays = [parse_relay(rest(number)) for number in range(boards)]
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask(command: LinkTest | Switch | Read) -> None:
            connection.sendall(bytes(command))
            connection.recv(1)

        ask(LinkTest())
        for energised in (True, False):
            for relay in relays:
                ask(Switch(relay, energised))
                ask(Read(relay))
                ask(Read(relay))
            if energised:
                time.sleep(OFF_SECONDS)
    taken = time.monotonic() - begun
    time.sleep(OFF_SECONDS)  # the relay board's rest
    return taken


def rest(number: int) -> str:
    """What the outlet of a relay board's board is called."""
    return f"{number // 8 + 1}/{number % 8 + 1}"


# The relay boards, in a process of their own.


@contextmanager
def relay_boards(chosen: Namespace) -> Iterator[list[int]]:
    """Their ports; the first of them hangs."""
    command = [sys.executable, "-m", "benchmarks.power"]
    options = ["--serve", str(chosen.racks), "--delay", str(chosen.delay)]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


class Late(Connection):
    """Answers as late as a relay board does."""

    delay = 0.0
    reactor: Any

    def dataReceived(self, data: bytes) -> None:
        self.reactor.callLater(self.delay, super().dataReceived, data)


class LateRelayBoard(SimulatedRelayBoard):
    """Its connections are late, or `silent`."""

    silent = False

    def buildProtocol(self, addr: object) -> Connection | None:
        connection = Late(self)
        if self.silent:
            connection.dataReceived = lambda data: None  # type: ignore[method-assign]
        return connection


def serve(reactor: Any, chosen: Namespace) -> Deferred[None]:
    """Relay boards until the process is killed."""
    Late.delay, Late.reactor = chosen.delay / 1000, reactor
    ports = []
    for number in range(chosen.serve + 1):
        factory = LateRelayBoard(str(number), Faults(), Random(0), lambda *_: None)
        factory.silent = number == 0
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        ports.append(port.getHost().port)
    print(json.dumps(ports), flush=True)
    return Deferred()


if __name__ == "__main__":
    main()
