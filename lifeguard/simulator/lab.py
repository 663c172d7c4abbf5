"""The lab as a service: everything wired to everything, started and stopped as one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from lifeguard.simulator.board import Board, Stage
from lifeguard.simulator.configuration import DATABASE, DUD, IMAGES
from lifeguard.simulator.directory import write_directory
from lifeguard.simulator.faults import Faults
from lifeguard.simulator.network import Loopback
from lifeguard.simulator.plan import RELAYS, plan_boards
from lifeguard.simulator.ports import Ports
from lifeguard.simulator.relay import Illness, RelayBoard
from lifeguard.simulator.status import StatusFile
from lifeguard.wire.proxr import Relay
from lifeguard.words import plural

if TYPE_CHECKING:
    from twisted.internet.address import IPv4Address
    from twisted.internet.interfaces import IListeningPort

    from lifeguard.clock import WallClock
    from lifeguard.simulator.plan import PlannedBoard
    from lifeguard.simulator.reactor import IReactor

LOOPBACK = "127.0.0.1"


class Options(Struct, frozen=True, kw_only=True):
    """What lab it shall be. `dead`: by name, boards that never come any farther.

    `outlets` are those of each relay board; `ill` relay boards are out of order, and
    the images `broken` have kernels that never come up. `netretry` is that of all
    boards; `database` is the daemon's.
    """

    directory: Path
    boards: int
    seed: int
    faults: Faults
    ports: Ports
    dead: Mapping[str, Stage] = {}
    outlets: int = RELAYS
    ill: Mapping[str, Illness] = {}
    broken: tuple[str, ...] = ()
    netretry: bool = False
    database: str = DATABASE


class Lab(Service):
    """While it runs, relay boards answer and boards with power live.

    `relays.log` gets a line for each relay that moves: wall time, relay board,
    bank/relay, and the relay's new position; "on" is the board's power cut.
    """

    def __init__(
        self, options: Options, reactor: IReactor, wall_clock: WallClock
    ) -> None:
        self._options = options
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._planned = plan_boards(options.boards, options.outlets)
        self._boards: dict[tuple[str, Relay], Board] = {}
        self._relay_ports: dict[str, IListeningPort] = {}
        self._relay_log = options.directory / "relays.log"
        self._status = StatusFile(
            options.directory / "boards.json", reactor, self._boards.values()
        )

    def __str__(self) -> str:
        boards = plural(len(self._boards), "board")
        return f"{boards}, {plural(len(self._relay_ports), 'relay board')}"

    def startService(self) -> None:
        """Listen, write the directory, and let every board boot; raises OSError."""
        super().startService()
        self._options.directory.mkdir(parents=True, exist_ok=True)
        self._relay_log.write_text("")
        for planned in self._planned:
            self._connect(planned)
        self._write_directory()
        self._status.write()
        for board in self._boards.values():
            board.power_on()

    def stopService(self) -> Deferred[Any]:
        """Cut the power of every board and close what listens."""
        super().stopService()
        for board in self._boards.values():
            board.power_off()
        self._status.stop()
        ports = self._relay_ports.values()
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])

    def _connect(self, planned: PlannedBoard) -> None:
        """Build a board and, unless there is one, the relay board it hangs on."""
        if planned.relay_board not in self._relay_ports:
            self._relay_ports[planned.relay_board] = self._listen(planned.relay_board)
        relay = Relay(planned.bank, planned.relay)
        self._boards[planned.relay_board, relay] = self._board(planned)

    def _listen(self, name: str) -> IListeningPort:
        random, moved = self._random(name), partial(self._moved, name)
        faults, ill = self._options.faults, self._options.ill.get(name)
        relay_board = RelayBoard(name, faults, random, moved, ill)
        return self._reactor.listenTCP(0, relay_board, interface=LOOPBACK)

    def _board(self, planned: PlannedBoard) -> Board:
        faults, random = self._options.faults, self._random(planned.name)
        ports = self._options.ports
        return Board(
            planned,
            Loopback(
                self._reactor,
                planned.address,
                (LOOPBACK, ports.tftp),
                ports.service,
                faults,
                random,
            ),
            self._reactor,
            faults,
            random,
            self._status.changed,
            dead=self._options.dead.get(planned.name) or self._chosen_dead(random),
            netretry=self._options.netretry,
        )

    def _chosen_dead(self, random: Random) -> Stage | None:
        return "system" if random.random() < self._options.faults.dead else None

    def _random(self, name: str) -> Random:
        """A random of its own for each, so that none disturbs the others'."""
        return Random(f"{self._options.seed}/{name}")

    def _write_directory(self) -> None:
        write_directory(
            self._options.directory,
            self._planned,
            {name: _number(port) for name, port in self._relay_ports.items()},
            self._options.ports,
            self._options.seed,
            self._options.database,
            {**IMAGES, **dict.fromkeys(self._options.broken, DUD)},
        )

    def _moved(self, relay_board: str, relay: Relay, on: bool) -> None:
        self._log_move(relay_board, relay, on)
        board = self._boards.get((relay_board, relay))
        if board is None:
            return
        if on:
            board.power_off()
        else:
            board.power_on()

    def _log_move(self, relay_board: str, relay: Relay, on: bool) -> None:
        position = "on" if on else "off"
        now = self._wall_clock().isoformat(timespec="milliseconds")
        with self._relay_log.open("a") as lines:
            lines.write(f"{now} {relay_board} {relay.bank}/{relay.number} {position}\n")


def _number(port: IListeningPort) -> int:
    return cast("IPv4Address", port.getHost()).port
