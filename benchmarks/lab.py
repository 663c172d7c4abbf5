"""A lab of any size: the files of a daemon, and a database in which its boards stand.

Boards are on loopback addresses of their own; whoever listens on the port of `polled`
answers for all of them. Nothing listens where the relay boards should be.
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.model import Change, HistoryRow, Standing, Strikes
from lifeguard.store import statements
from lifeguard.store.database import Database
from lifeguard.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

SAVED_SECONDS = 1000.0
"""The service seconds in the database: the boards' lives so far."""

AT_ONCE = 100_000.0
"""A rate at which ten thousand boards are all taken up in a moment."""

MIXED = ("Ready",) * 12 + (
    "RebootComplete", "ReimageBooting", "ReimageInstalling", "ReimageComplete",
    "New", "Maintenance", "LockedOut", "FailedReimageBooting",
)  # fmt: skip
"""What the boards of a busy lab are about, each state an equal share."""

_UNTIMED = {"New", "Maintenance", "LockedOut", "FailedReimageBooting"}
_OUTLETS = 256
"""As many has a ProXR relay board."""

_SETTINGS = """\
[server]
url = "http://127.0.0.1:{http}"
database = "{database}"
resume_rate = {resume_rate}
[http]
listen = "tcp:{http}:interface=127.0.0.1"
[tftp]
address = "127.0.0.1"
port = {tftp}
{root}[health]
every = {every}
"""

_SHARED = """\
[hardware.panda]
health = {health}
[images.debian.boot.panda]
loader = "pxelinux"
template = "netboot.cfg.j2"
"""

_RELAY_BOARD = """\
[relay_boards.rack-{number}]
driver = "proxr"
address = "127.2.0.{number}:2101"
"""

_BOARD = """\
[boards.{name}]
mac = "{mac}"
address = "{address}"
hardware = "panda"
power = "rack-{rack}/{bank}/{relay}"
"""


class Lab(NamedTuple):
    """Where the lab's files are, and the ports its HTTP and its TFTP are at."""

    directory: Path
    http: int
    tftp: int
    database: str
    """Its URL."""

    @property
    def configuration(self) -> Path:
        return self.directory / "lifeguard.toml"


def write_lab(
    directory: Path,
    boards: int,
    *,
    states: Sequence[str] = MIXED,
    seconds_left: tuple[float, float] = (3600.0, 7200.0),
    polled: int | None = None,
    every: float = 300.0,
    resume_rate: float = AT_ONCE,
    database: str | None = None,
    root: Path | None = None,
) -> Lab:
    """Make a lab whose boards stand in `states`, by turns.

    `seconds_left` are the least and the most until a board's deadline. `polled` is
    the port by which boards are polled each `every` seconds; None: they are not.
    At a start, polls are taken up for `resume_rate` boards a second. Without a
    `database`, which must be empty, it is a file of SQLite. `root` are the files that
    are to be had over TFTP; None: there are none.
    """
    directory.mkdir()
    database = database or f"sqlite:///{directory}/lifeguard.sqlite"
    lab = Lab(directory, free_port(), free_port(socket.SOCK_DGRAM), database)
    lab.configuration.write_text(
        _SETTINGS.format(
            http=lab.http,
            tftp=lab.tftp,
            root=f'root = "{root}"\n' if root else "",
            every=every,
            resume_rate=resume_rate,
            database=database,
        )
    )
    (directory / "boards.toml").write_text("\n".join(_inventory(boards, polled)))
    (directory / "netboot.cfg.j2").write_text("default {{ image.name }}\n")
    first, last = seconds_left
    _save(
        lab,
        [
            _standing(
                number,
                states[number % len(states)],
                first + (last - first) * number / boards,
            )
            for number in range(boards)
        ],
    )
    return lab


def board_name(number: int) -> str:
    return f"board-{number:05}"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody has just now."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _inventory(boards: int, polled: int | None) -> Iterator[str]:
    yield _SHARED.format(health=f'["tcp:{polled}"]' if polled else "[]")
    for number in range(1, -(-boards // _OUTLETS) + 1):
        yield _RELAY_BOARD.format(number=number)
    for number in range(boards):
        rack, outlet = divmod(number, _OUTLETS)
        yield _BOARD.format(
            name=board_name(number),
            mac=":".join(f"{byte:02x}" for byte in (2 << 40 | number).to_bytes(6)),
            address=IPv4Address("127.1.0.0") + number,
            rack=rack + 1,
            bank=outlet // 8 + 1,
            relay=outlet % 8 + 1,
        )


def _standing(number: int, state: str, left: float) -> Standing:
    failed_once = number % 10 == 0
    return Standing(
        board=board_name(number),
        state=state,
        since=datetime.now(UTC),
        version=1,
        stay=7,
        generation=3,
        entered=SAVED_SECONDS,
        deadline=None if state in _UNTIMED else SAVED_SECONDS + left,
        image="debian",
        wanted_image="debian",
        boot_config={"suite": "trixie"},
        accepted=("installer-running", "install-ok", "image-running"),
        strikes={"ReimageBooting": Strikes(1, 900.0)} if failed_once else {},
    )


def _save(lab: Lab, standings: Sequence[Standing]) -> None:
    def save(connection: Connection) -> None:
        migrate(connection)
        statements.first_start(connection, token_key=bytes(32))
        statements.rule(connection, ruler="", now=SAVED_SECONDS)
        statements.commit(connection, [_first_change(one) for one in standings])

    database = Database(lab.database)
    database.run(save)
    database.close()


def _first_change(standing: Standing) -> Change:
    row = HistoryRow(
        at=standing.since,
        board=standing.board,
        event="image-running",
        source=standing.board,
        outcome="moved",
        from_state="ReimageComplete",
        to_state=standing.state,
        generation=standing.generation,
    )
    return Change(after=standing, row=row)
