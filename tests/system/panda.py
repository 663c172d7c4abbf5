"""`python -m tests.system.panda FILES`: the board and the relay board of docs/start.md.

Both have the addresses that they have there. The board hangs on the normally closed
side of its relay: it has power while that is off. What the board boots is written below
FILES, where the document says that it lies.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from twisted.internet import reactor

from lifeguard.simulator.artifacts import Artifact, build_artifact
from lifeguard.simulator.board import Board
from lifeguard.simulator.faults import Faults
from lifeguard.simulator.network import Loopback
from lifeguard.simulator.plan import PlannedBoard
from lifeguard.simulator.relay import RelayBoard
from lifeguard.wire.proxr import Relay

SERVER, RELAY_BOARD, BOARD = "192.0.2.1", "192.0.2.10", "192.0.2.101"
TFTP, PROXR, SSH = 69, 2101, 22
SIZE = 100_000
"""Bytes of a kernel and of a RAM disk."""

_PLANNED = PlannedBoard(
    name="panda-01",
    mac="02:00:00:00:00:01",
    address=BOARD,
    relay_board="rack1",
    bank=1,
    relay=3,
)


def write_files(directory: Path) -> None:
    """The installer, as it has to lie there."""
    below = directory / "debian" / "panda"
    below.mkdir(parents=True)
    for name, kind in (("vmlinuz", "installer"), ("initrd.gz", "initrd")):
        artifact = Artifact(kind, "debian")
        (below / name).write_bytes(build_artifact(artifact, SIZE, Random(1)))


def main() -> None:
    write_files(Path(sys.argv[1]))
    faults, random = Faults(), Random(1)
    network = Loopback(reactor, BOARD, (SERVER, TFTP), SSH, faults, random)
    board = Board(_PLANNED, network, reactor, faults, random, lambda: None)

    def moved(relay: Relay, on: bool) -> None:
        if relay == Relay(_PLANNED.bank, _PLANNED.relay):
            (board.power_off if on else board.power_on)()

    relay_board = RelayBoard(_PLANNED.relay_board, faults, random, moved)
    reactor.listenTCP(PROXR, relay_board, interface=RELAY_BOARD)
    board.power_on()
    print("panda: there", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
