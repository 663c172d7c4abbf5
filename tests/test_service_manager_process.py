"""A real daemon, and the socket of a service manager that watches it."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGUSR1

import pytest

from tests.process_lab import LIMIT, Child

_HANGS_WHEN_ASKED = """
import signal, sys, time
from twisted.internet import reactor
from twisted.scripts.twistd import run

def hang():
    print("hangs", flush=True)
    time.sleep(600)

def listen():
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(hang))

reactor.callWhenRunning(listen)
sys.argv = ["twistd", "--nodaemon", "--pidfile=", "lifeguard", "--config", sys.argv[1]]
run()
"""
BEAT_SECONDS = 0.2


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(LIMIT)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(BEAT_SECONDS * 2e6)))
        yield listening


@pytest.fixture
def port(tmp_path: Path) -> int:
    """Where the daemon of the configuration that is written here answers."""
    (tmp_path / "links").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    (tmp_path / "lifeguard.toml").write_text(
        f'[http]\nlisten = "tcp:{number}:interface=127.0.0.1"\n'
        '[tftp]\nmode = "symlinks"\ndirectory = "links"\n'
    )
    return number


@contextmanager
def daemon(directory: Path) -> Iterator[Child]:
    child = Child("-c", _HANGS_WHEN_ASKED, directory / "lifeguard.toml")
    try:
        yield child
    finally:
        child.end(SIGKILL)


def heard(manager: socket.socket) -> str:
    return manager.recv(1000).decode()


def test_a_daemon_is_ready_when_it_answers_and_lives_until_its_end(
    tmp_path: Path, manager: socket.socket, port: int
) -> None:
    with daemon(tmp_path) as child:
        assert heard(manager) == "READY=1"
        url = f"http://127.0.0.1:{port}/readyz"
        with urllib.request.urlopen(url, timeout=LIMIT) as said:
            assert said.status == 200
        signs = [heard(manager) for _ in range(3)]
        assert signs == ["WATCHDOG=1\nSTATUS=no boards"] * 3
        child.process.terminate()
        while heard(manager) != "STOPPING=1":
            pass


def test_a_daemon_that_cannot_start_is_never_ready(
    tmp_path: Path, manager: socket.socket, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)), daemon(tmp_path) as child:
        assert child.leave() == 1
        assert heard(manager) == "STOPPING=1"


def test_a_reactor_that_hangs_gives_no_sign_of_life(
    tmp_path: Path, manager: socket.socket, port: int
) -> None:
    with daemon(tmp_path) as child:
        assert heard(manager) == "READY=1"
        assert heard(manager).startswith("WATCHDOG=1")
        child.process.send_signal(SIGUSR1)
        child.wait_for("hangs")
        assert hears_no_more(manager)


def hears_no_more(manager: socket.socket) -> bool:
    """What was sent before is read first."""
    manager.settimeout(5 * BEAT_SECONDS)
    for _ in range(100):
        try:
            heard(manager)
        except TimeoutError:
            return True
    return False
