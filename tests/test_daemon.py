"""The daemon as its users start it: real processes, sockets and signals."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

import pytest

from tests.process_lab import ProcessLab, process_lab, twistd, until

Moves = list[tuple[str, str]]


def moves(lab: ProcessLab, board: str) -> Moves:
    """The (event, to) of every row that moved the board."""
    return [
        (row["event"], row["to_state"])
        for row in lab.history(board)
        if row["outcome"] == "moved"
    ]


def relays(directory: Path, outlet: str) -> list[str]:
    """What an outlet's relay really did, by the simulated relay board's own log."""
    log = (directory / "relays.log").read_text().splitlines()
    return [line.split()[-1] for line in log if outlet in line]


REIMAGED: Moves = [
    ("rq-reimage", "ReimageRebooting"),
    ("power-cycle-ok", "ReimageBooting"),
    ("installer-running", "ReimageInstalling"),
    ("install-ok", "ReimageComplete"),
    ("image-running", "Ready"),
]
REBOOTED: Moves = [
    ("rq-reboot", "RebootRebooting"),
    ("power-cycle-ok", "RebootComplete"),
    ("image-running", "Ready"),
]


def test_a_board_is_reimaged_and_rebooted_and_the_relay_really_switched(
    tmp_path: Path,
) -> None:
    with process_lab(tmp_path, "--boards", "2") as lab:
        daemon = lab.start()
        lab.ask("/api/v1/boards/sim-01/events/rq-reimage", {"image": "debian"})
        daemon.wait_for("sim-01: ReimageComplete -- image-running --> Ready")
        status, answer = lab.ask("/api/v1/boards/sim-01/events/rq-reboot", {})
        assert (status, answer["state"]) == (200, "RebootRebooting")
        daemon.wait_for("sim-01: RebootComplete -- image-running --> Ready")
        assert moves(lab, "sim-01") == REIMAGED + REBOOTED
        assert lab.states() == {"sim-01": "Ready", "sim-02": "New"}
        assert daemon.end() == -signal.SIGTERM  # as twistd does
    assert len(relays(tmp_path, "1/1")) == 4
    assert len(relays(tmp_path, "1/2")) == 0


def test_a_kill_in_the_middle_loses_nothing_and_strands_nobody(tmp_path: Path) -> None:
    with process_lab(tmp_path, "--boards", "12", "--seed", "4") as lab:
        for event in ("power-cycle-ok", "installer-running", "install-ok"):
            daemon = lab.start()
            if event == "power-cycle-ok":
                lab.reimage_all()
            daemon.wait_for(f"-- {event} -->")
            daemon.end(signal.SIGKILL)
        lab.start()
        lab.wait_until_all("Ready")
        assert {board["power"] for board in lab.boards().values()} == {"on"}
        rows = {
            (board, row["event"], row["generation"])
            for board in lab.states()
            for row in lab.history(board)
        }
        acknowledged = re.findall(
            r"boards/(\S+)/events: (\S+) acknowledged in generation (\d+)",
            (tmp_path / "simulator.log").read_text(),
        )
        assert len(acknowledged) >= 12 * 3
        missing = {
            (board, event, int(generation)) for board, event, generation in acknowledged
        } - rows
        assert missing == set()


def test_an_outlet_that_is_off_is_switched_on_even_for_a_locked_out_board(
    tmp_path: Path,
) -> None:
    with process_lab(tmp_path, "--boards", "1") as lab:
        inventory = tmp_path / "boards.toml"
        slow = inventory.read_text().replace("off_seconds = 0.2", "off_seconds = 30")
        inventory.write_text(slow)
        daemon = lab.start()
        lab.ask("/api/v1/boards/sim-01/events/rq-reboot", {})
        until(lambda: lab.boards()["sim-01"]["power"] == "off")
        status, answer = lab.ask(
            "/api/v1/boards/sim-01/state",
            {"from": "RebootRebooting", "to": "LockedOut"},
        )
        assert (status, answer["state"]) == (200, "LockedOut")
        daemon.end(signal.SIGKILL)
        assert lab.boards()["sim-01"]["power"] == "off"
        lab.start()
        until(lambda: lab.boards()["sim-01"]["power"] == "on")
        assert lab.states() == {"sim-01": "LockedOut"}


def test_a_stop_in_the_middle_of_a_cycle_leaves_the_power_on(tmp_path: Path) -> None:
    with process_lab(tmp_path, "--boards", "1") as lab:
        inventory = tmp_path / "boards.toml"
        slow = inventory.read_text().replace("off_seconds = 0.2", "off_seconds = 2")
        inventory.write_text(slow)
        daemon = lab.start()
        lab.ask("/api/v1/boards/sim-01/events/rq-reboot", {})
        until(lambda: lab.boards()["sim-01"]["power"] == "off")
        assert daemon.end(signal.SIGTERM) == -signal.SIGTERM
        until(lambda: lab.boards()["sim-01"]["power"] == "on")


def test_a_dead_board_is_retried_as_declared_and_slows_nobody(tmp_path: Path) -> None:
    with process_lab(tmp_path, "--boards", "3", "--dead", "sim-02") as lab:
        inventory = tmp_path / "boards.toml"
        table = "[hardware.sim.states.RebootComplete]\n"
        text = inventory.read_text()
        assert table in text
        inventory.write_text(text.replace(table, table + "attempts = 2\n"))
        daemon = lab.start()
        for board in ("sim-01", "sim-03"):
            lab.ask(f"/api/v1/boards/{board}/events/rq-reimage", {"image": "debian"})
        lab.ask("/api/v1/boards/sim-02/events/rq-reboot", {})
        daemon.wait_for("--> FailedRebootComplete")
        assert lab.states() == {
            "sim-01": "Ready",
            "sim-02": "FailedRebootComplete",
            "sim-03": "Ready",
        }
        retry = [
            ("timeout", "RebootRebooting"),
            ("power-cycle-ok", "RebootComplete"),
        ]
        assert moves(lab, "sim-02") == [
            *REBOOTED[:2],
            *retry,
            *retry,
            ("timeout", "FailedRebootComplete"),
        ]
        assert moves(lab, "sim-01") == moves(lab, "sim-03") == REIMAGED


def test_the_demo_reimages_its_boards_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    demo = twistd(
        "--demo", "--once", "--boards", "3", "--http", f"tcp:{port}:interface=127.0.0.1"
    )
    line = demo.wait_for("simulator: 3 boards, 1 relay board, configuration in ")
    assert str(tmp_path) in line
    demo.wait_for(f"boards curl http://127.0.0.1:{port}/api/v1/boards")
    demo.wait_for("shell  ssh -p ")
    demo.wait_for("all 3 boards are Ready after ")
    assert demo.leave() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_one_line_and_a_failure(tmp_path: Path) -> None:
    with process_lab(tmp_path, "--boards", "1") as lab:
        lab.start()
        second = twistd("--config", lab.directory / "lifeguard.toml")
        assert second.leave() == 1
        [said] = [line for line in second.lines if "#critical" in line]
        assert "] tftp: " in said
        assert "Address already in use" in said
        assert "Traceback" not in "\n".join(second.lines)
