"""The command line as the process it is, and a real daemon."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process_lab import (
    LIMIT,
    REPOSITORY,
    ProcessLab,
    obey_interrupts,
    process_lab,
)


class Shell:
    """A shell in which `lifeguard` is a command, in a home of its own."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.environment = {
            "HOME": str(home),
            "LIFEGUARD_URL": url,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUTF8": "1",
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        command = f'lifeguard() {{ {sys.executable} -m lifeguard.cli "$@"; }}\n{line}'
        return subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=self.environment,
            cwd=self.home,
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    """Two boards, of which the last never gets further than its loader."""
    directory = tmp_path_factory.mktemp("lab")
    with process_lab(directory, "--boards", "2", "--dead", "sim-02=loader") as lab:
        lab.start()
        yield lab


@pytest.fixture
def shell(lab: ProcessLab, tmp_path: Path) -> Shell:
    return Shell(tmp_path, lab.url)


def test_a_board_is_reimaged_and_its_history_tells_how(shell: Shell) -> None:
    done = shell.run("lifeguard reimage sim-01 --image debian --wait --timeout 60")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"✓ sim-01: Ready after \d+ s\n", done.stdout)
    history = shell.run("lifeguard history sim-01 --limit 1 --json")
    (row,) = json.loads(history.stdout)["history"]
    assert (row["event"], row["to_state"]) == ("image-running", "Ready")


def test_a_board_that_does_not_come_up_in_time_is_status_4(shell: Shell) -> None:
    late = shell.run("lifeguard reimage sim-02 --image debian --wait --timeout 1")
    assert (late.returncode, late.stderr) == (4, "")
    assert late.stdout.startswith("✗ sim-02: Reimage")


def test_what_scripts_can_tell_from_the_exit_status(shell: Shell) -> None:
    assert shell.run("lifeguard reboot nix").returncode == 1
    assert shell.run("lifeguard reboot").returncode == 2


def test_no_daemon_is_one_line_and_status_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = Shell(tmp_path, url).run("lifeguard status")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"lifeguard: {url}: connection refused\n"


@pytest.mark.parametrize("command", ["--help", "graph --help", "graph"])
@pytest.mark.parametrize(
    ("output", "status", "said"),
    [
        ("exec >/dev/full", 1, "lifeguard: standard output: No space left on device\n"),
        ("exec >&-", 0, ""),
        ("exec > >(:); wait $!", 141, ""),
    ],
)
def test_an_output_that_takes_nothing_is_one_line_or_none(
    tmp_path: Path, command: str, output: str, status: int, said: str
) -> None:
    shell = Shell(tmp_path, "http://127.0.0.1:1")
    done = shell.run(f"{output}; lifeguard {command}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_it_is_interrupted_without_a_word(shell: Shell) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "lifeguard.cli", "watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=shell.environment,
        preexec_fn=obey_interrupts,
    )
    assert shell.run("lifeguard reboot sim-02").returncode == 0
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=LIMIT)
    assert (watching.returncode, said) == (130, b"")
