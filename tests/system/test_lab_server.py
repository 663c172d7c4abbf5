"""What the documents have an admin do to a whole machine, done to one.

The machine is new, and is installed, started, upgraded and looked at as the pages say,
from the top of docs/start.md on: each test finds what those before it have left.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import REPOSITORY, blocks, every_block
from tests.process_lab import Process, until

from . import panda
from .lab_server import LabServer, lab_server

pytestmark = pytest.mark.system

RUN_HERE = f"run by {Path(__file__).relative_to(REPOSITORY)}"
LEFT = [block for block in every_block("sh") if block.remark == RUN_HERE]


def shown(document: str, words: str) -> str:
    """The one script of a document with these words, which a test below runs."""
    found = [
        block
        for block in blocks(REPOSITORY / document)
        if block.language == "sh" and words in block.script
    ]
    assert len(found) == 1, f"{document} has {len(found)} scripts with {words}"
    [block] = found
    if block in LEFT:
        LEFT.remove(block)
    return block.script


PACKAGES = shown("docs/start.md", "apt install")
INSTALLATION = shown("docs/start.md", "git clone")
CHECK = shown("docs/start.md", "lifeguard check")
START = shown("docs/start.md", "systemctl enable")
FIRST_BOARD = shown("docs/start.md", "lifeguard reimage")
WHERE_IT_IS = shown("docs/start.md", "lifeguard history")
WIRE = shown("docs/start.md", "tcpdump -n")
LOG = shown("docs/start.md", "journalctl")
UPGRADE = shown("docs/operations.md", "git pull")
RESTART = shown("docs/operations.md", "systemctl restart")
EDIT = shown("docs/operations.md", "systemctl edit")
JOURNAL = shown("docs/operations.md", "journalctl")
POSTGRESQL = shown("docs/operations.md", "createuser")
DUMP = shown("docs/operations.md", "pg_dump")
RELOAD = shown("docs/inventory.md", "systemctl reload")
GPIO = shown("docs/power/gpio.md", "pip install")
SHIM = shown("docs/boot/grub.md", "shim")
FOREGROUND = shown("README.md", "--nodaemon")

SOURCE = "/srv/lifeguard.git"
_GIT = f"""
[url "{SOURCE}"]
    insteadOf = https://git.example.org/lifeguard.git
[safe]
    directory = {SOURCE}
"""

SECOND_BOARD = """
[boards.panda-02]
mac = "02:00:00:00:00:02"
address = "192.0.2.102"
hardware = "panda"
power = "rack1/1/4"
"""

HISTORY = "lifeguard history panda-01 --json"

PATIENT = 2
"""Seconds that systemd, told so by a drop-in, lets the daemon hang."""

_EDITOR = f"""\
#!/bin/sh
printf '[Service]\\nWatchdogSec={PATIENT}\\nRestartSec=0.1\\n' >"$1"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A machine with what each Debian has, in the network of docs/start.md."""
    if os.geteuid() != 0:
        pytest.fail("a machine of its own takes root: run this as root", pytrace=False)
    with lab_server(tmp_path_factory.mktemp("server") / "root") as server:
        server.run("apt-get update --quiet=2", installs=True)
        for address in (panda.SERVER, panda.RELAY_BOARD, panda.BOARD):
            command = ("ip", "address", "add", f"{address}/24", "dev", "lo")
            subprocess.run(server.inside(*command), check=True)
        yield server


@pytest.fixture(scope="module")
def lab(server: LabServer) -> Iterator[LabServer]:
    """lifeguard installed and configured there; its board and its relay board."""
    clone = ("git", "clone", "--quiet", "--bare", REPOSITORY, f"{server.root}{SOURCE}")
    subprocess.run(clone, check=True)
    server.write("/etc/gitconfig", _GIT)
    server.run(PACKAGES + INSTALLATION, installs=True)
    for block in blocks(REPOSITORY / "docs/start.md"):
        if block.file is not None:
            server.write(block.file, block.text)
    files = server.root / "srv/tftp"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    play = server.inside(sys.executable, "-m", "tests.system.panda", files)
    board = Process(*play, environment=environment)
    try:
        board.wait_for("panda: there")
        yield server
    finally:
        board.end()


def main_process(server: LabServer) -> str:
    return server.run("systemctl show --property=MainPID --value lifeguard").strip()


def test_ten_minutes_to_the_first_board(lab: LabServer) -> None:
    assert "no mistakes; 1 board, 1 relay board, 1 image" in lab.run(CHECK)
    assert "Active: active (running)" in lab.run(START)
    with lab.running(WIRE) as wire:
        wire.wait_for("listening on any")
        assert "panda-01: Ready" in lab.run(FIRST_BOARD)
    # To anything but a terminal tcpdump writes its lines when it has many, or ends.
    assert any('RRQ "pxelinux.cfg/01-02-00-00-00-00-01"' in line for line in wire.lines)
    assert "install-ok" in lab.run(WHERE_IT_IS)
    with lab.running(LOG) as log:
        lab.run("lifeguard reboot panda-01 --wait")
        log.wait_for("panda-01: RebootComplete -- image-running --> Ready")


def test_an_upgrade_disturbs_no_board(lab: LabServer) -> None:
    before, process = lab.run(HISTORY), main_process(lab)
    lab.run(UPGRADE, installs=True)
    lab.run(RESTART)
    assert lab.run(HISTORY) == before
    assert main_process(lab) != process


def test_a_reload_takes_a_board_in(lab: LabServer) -> None:
    boards = lab.root / "etc/lifeguard/boards.toml"
    lab.write("/etc/lifeguard/boards.toml", boards.read_text() + SECOND_BOARD)
    process = main_process(lab)
    lab.run(RELOAD)
    until(lambda: "panda-02" in lab.run("lifeguard status"))
    assert main_process(lab) == process


def test_a_daemon_that_hangs_is_started_anew_as_a_drop_in_says(lab: LabServer) -> None:
    lab.write("/usr/local/bin/an-editor", _EDITOR)
    (lab.root / "usr/local/bin/an-editor").chmod(0o755)
    lab.run(f"export EDITOR=an-editor\nscript --quiet --return -c '{EDIT}' /dev/null")
    lab.run(RESTART)
    process = main_process(lab)
    lab.run(f"kill -STOP {process}")
    until(lambda: main_process(lab) not in (process, "0"))
    lab.run("systemctl start lifeguard")  # which ends as soon as it is ready
    assert "watchdog" in lab.run(JOURNAL)


def test_the_journal_says_what_came_of_each_board(lab: LabServer) -> None:
    assert "panda-01: ReimageComplete -- image-running --> Ready" in lab.run(JOURNAL)


def test_the_other_database_begins_with_the_same_boards(lab: LabServer) -> None:
    lab.run("apt-get install --quiet=2 postgresql sudo", installs=True)
    lab.run(f"cd lifeguard\n{POSTGRESQL}", installs=True)
    settings = (lab.root / "etc/lifeguard/lifeguard.toml").read_text()
    [database] = [
        block.text
        for block in blocks(REPOSITORY / "docs/operations.md")
        if block.language == "toml"
    ]
    lab.write("/etc/lifeguard/lifeguard.toml", settings.replace("[server]\n", database))
    lab.run(RESTART)
    assert "2 boards: 2 still" in lab.run("systemctl status lifeguard")
    lab.run("install --directory --owner=postgres /var/backups")
    assert "TABLE DATA public boards" in lab.run(DUMP)


def test_it_runs_in_the_foreground(lab: LabServer) -> None:
    lab.run("systemctl stop lifeguard\nln -s /opt/lifeguard lifeguard/.venv")
    with lab.running(f"cd lifeguard\n{FOREGROUND}") as daemon:
        daemon.wait_for("http listens on")
    assert "Server Shut Down." in daemon.lines[-1]


def test_what_some_labs_need_can_be_installed(server: LabServer) -> None:
    server.run(f"cd lifeguard\n{GPIO}", installs=True)
    server.run("/opt/lifeguard/bin/python -c 'import gpiod'")
    server.run(SHIM, installs=True)
    assert (server.root / "srv/tftp/grubx64.efi").stat().st_size > 1_000_000


def test_no_block_says_in_vain_that_it_is_run_here() -> None:
    assert LEFT == []
