"""The simulator as the process it is, and the directory it writes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from lifeguard import config
from lifeguard.simulator.__main__ import parse_options
from lifeguard.simulator.board import Board
from lifeguard.simulator.directory import write_directory
from lifeguard.simulator.faults import Faults
from lifeguard.simulator.plan import plan_boards
from lifeguard.simulator.ports import Ports
from lifeguard.simulator.status import DELAY_SECONDS, StatusFile
from lifeguard.wire.proxr import Read, Relay, Switch

PORTS = Ports(http=8080, tftp=6969, manhole=2222, service=7022)
SECONDS = 20


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with three boards, and pipes to it."""
    command = [sys.executable, "-m", "lifeguard.simulator", str(tmp_path / "lab")]
    options = ["--boards", "3", "--http-port", "0", "--tftp-port", "0"]
    with subprocess.Popen(
        command + options,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_it_says_when_it_is_ready_switches_and_ends_with_its_parent(
    simulator: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert simulator.stdout is not None
    assert simulator.stdout.readline() == (
        "simulator: 3 boards, 1 relay board, "
        f"configuration in {tmp_path}/lab/lifeguard.toml\n"
    )
    lab = config.load(tmp_path / "lab" / "lifeguard.toml").inventory
    rack = lab.relay_boards["rack1"]
    with socket.create_connection(rack.options.address, SECONDS) as relay_board:
        assert _ask(relay_board, bytes(Switch(Relay(1, 2), True))) == b"\x55"
        assert _ask(relay_board, bytes(Read(Relay(1, 2)))) == b"\x01"
    moved_at, *move = (tmp_path / "lab" / "relays.log").read_text().split()
    assert move == ["rack1", "1/2", "on"]
    assert datetime.fromisoformat(moved_at).tzinfo is not None
    assert simulator.communicate(timeout=SECONDS)[0] == ""
    assert simulator.returncode == 0


def _ask(relay_board: socket.socket, command: bytes) -> bytes:
    relay_board.sendall(command)
    return relay_board.recv(10)


def test_the_daemon_accepts_the_configuration(tmp_path: Path) -> None:
    boards = plan_boards(12)
    relay_ports = {"rack1": 4001, "rack2": 4002}
    write_directory(tmp_path, boards, relay_ports, PORTS, seed=1)
    lab = config.load(tmp_path / "lifeguard.toml")
    assert lab.server.url == "http://127.0.0.1:8080"
    assert (lab.tftp.port, lab.tftp.root) == (6969, str(tmp_path / "tftp"))
    assert lab.inventory.hardware["sim"].health == ("tcp:7022",)
    assert [board.address for board in lab.inventory.boards.values()] == [
        board.address for board in boards
    ]
    assert lab.inventory.image_of_role("self-test", "sim") is not None
    assert lab.inventory.image_of_role("maintenance", "sim") is not None


def test_the_daemon_is_told_which_database_is_its_own(tmp_path: Path) -> None:
    url = 'postgresql+psycopg://lab:"\\@192.0.2.1/lifeguard'
    write_directory(tmp_path, plan_boards(1), {"rack1": 4001}, PORTS, 1, url)
    assert config.load(tmp_path / "lifeguard.toml").server.database == url


def test_the_manhole_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_directory(tmp_path, plan_boards(1), {"rack1": 4001}, PORTS, seed=1)
    assert (tmp_path / "manhole_key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "authorized_keys").read_text().startswith("ssh-ed25519 ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: DIR"),
        (["lab", "--boards", "0"], "'0' is not a number from 1 to 10000"),
        (["lab", "--tftp-port", "65536"], "'65536' is not a number from 0 to 65535"),
        (["lab", "--faults", "7"], "a rate is a number from 0 to 1, not '7'"),
        (["lab", "--dead", "sim-13"], "argument --dead: no board sim-13"),
        (["lab", "--dead", "sim-01=x"], "'x' is none of loader, installer, system"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_options(arguments)
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_dead_boards_and_faults_are_chosen_on_the_command_line() -> None:
    dead = ["--dead", "sim-03", "--dead", "sim-01=loader"]
    options = parse_options(["lab", *dead, "--faults", "loss=0.5", "--netretry"])
    assert options.dead == {"sim-03": "system", "sim-01": "loader"}
    assert options.netretry
    assert options.faults == Faults(loss=0.5)


def test_a_port_that_is_not_given_is_free_for_tcp_and_udp() -> None:
    ports = parse_options(["lab", "--http-port", "0", "--tftp-port", "0"]).ports
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for port in (ports.http, ports.tftp, ports.manhole, ports.service):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))


def test_the_status_file_is_written_once_for_many_changes(tmp_path: Path) -> None:
    clock, path, boards = Clock(), tmp_path / "boards.json", list[Board]()
    status = StatusFile(path, clock, boards)
    (planned,) = plan_boards(1)
    # Its network is never used: the board has no power.
    network, random = None, None
    boards.append(
        Board(planned, network, clock, Faults(), random, status.changed)  # type: ignore[arg-type]
    )
    status.changed()
    status.changed()
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(DELAY_SECONDS)
    assert json.loads(path.read_text()) == {
        "boards": {"sim-01": {"power": "off", "runs": "off", "disk": None}}
    }
    status.changed()
    status.stop()
    assert not clock.getDelayedCalls()
