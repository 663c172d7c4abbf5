"""What the service manager hears, and when; by a clock that a test moves."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from lifeguard.model import Inventory
from lifeguard.service_manager import (
    USUAL_SECONDS,
    ServiceManager,
    send,
    service_manager,
    status_line,
)
from tests.rig import inventory, rig

SOCKET = "/run/systemd/notify"
HERE = 4711


@dataclass
class Heard:
    """What was sent to the socket; `error` is what sending comes to."""

    texts: list[str] = field(default_factory=list)
    error: OSError | None = None

    def send(self, text: str, name: str) -> None:
        assert name == SOCKET
        if self.error is not None:
            raise self.error
        self.texts.append(text)

    def take(self) -> list[str]:
        taken, self.texts = self.texts, []
        return taken


def manager_rig(seconds: float = 10) -> tuple[ServiceManager, Clock, Heard]:
    clock, heard = Clock(), Heard()
    return ServiceManager(clock, SOCKET, seconds, heard.send), clock, heard


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged while the test runs."""
    logged: list[str] = []

    def observe(event: LogEvent) -> None:
        logged.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield logged
    globalLogPublisher.removeObserver(observe)


def test_it_hears_that_all_is_ready_then_signs_of_life_then_of_the_end() -> None:
    manager, clock, heard = manager_rig()
    clock.advance(60)
    assert heard.take() == []
    boards = iter(["2 boards: 2 busy", "2 boards: 2 well", "2 boards: 2 well"])
    manager.ready(lambda: next(boards))
    assert heard.take() == ["READY=1", "WATCHDOG=1\nSTATUS=2 boards: 2 busy"]
    clock.advance(9)
    assert heard.take() == []
    clock.advance(1)
    assert heard.take() == ["WATCHDOG=1\nSTATUS=2 boards: 2 well"]
    manager.stopping()
    clock.advance(10)
    assert heard.take() == ["STOPPING=1", "WATCHDOG=1\nSTATUS=2 boards: 2 well"]


def test_a_reactor_that_was_held_up_makes_up_for_no_sign() -> None:
    manager, clock, heard = manager_rig()
    manager.ready(lambda: "")
    heard.take()
    clock.advance(35)
    assert heard.take() == ["WATCHDOG=1\nSTATUS="]


def test_a_service_manager_that_does_not_listen_is_told_the_next_time(
    lines: list[str],
) -> None:
    manager, clock, heard = manager_rig()
    heard.error = ConnectionRefusedError(111, "Connection refused")
    manager.ready(lambda: "well")
    assert lines == [
        f"the service manager was not told {what}: [Errno 111] Connection refused"
        for what in ("READY=1", "WATCHDOG=1")
    ]
    heard.error = None
    clock.advance(10)
    assert heard.take() == ["WATCHDOG=1\nSTATUS=well"]


def test_without_a_socket_there_is_nobody(lines: list[str]) -> None:
    environment = {"WATCHDOG_USEC": "20000000", "PATH": "/bin"}
    assert service_manager(environment, Clock(), HERE) is None
    assert (environment, lines) == ({"PATH": "/bin"}, [])


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(HERE)}, 10),
        ({"WATCHDOG_USEC": "20000000"}, 10),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, USUAL_SECONDS),
        ({}, USUAL_SECONDS),
    ],
)
def test_signs_come_twice_in_the_time_of_the_watchdog(
    said: dict[str, str], seconds: float, tmp_path: Path
) -> None:
    name, clock = str(tmp_path / "notify"), Clock()
    environment = {"NOTIFY_SOCKET": name, "PATH": "/bin", **said}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        manager = service_manager(environment, clock, HERE)
        assert manager is not None
        manager.ready(lambda: "")
    [sign] = clock.getDelayedCalls()
    assert sign.getTime() == seconds
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize("time", ["", "0", "-3", "soon", "9" * 5000])
def test_what_is_no_time_is_one_line(time: str, lines: list[str]) -> None:
    environment = {"NOTIFY_SOCKET": SOCKET, "WATCHDOG_USEC": time}
    assert service_manager(environment, Clock(), HERE) is not None
    assert lines == [f"WATCHDOG_USEC is {time!r}, which is no time"]


@pytest.mark.parametrize("name", ["", "notify", "vsock:2:1234"])
def test_what_is_no_socket_is_one_line(name: str, lines: list[str]) -> None:
    assert service_manager({"NOTIFY_SOCKET": name}, Clock(), HERE) is None
    assert lines == [f"NOTIFY_SOCKET is {name!r}, which is no socket's name"]


def test_a_socket_may_be_a_file_or_have_an_abstract_name(tmp_path: Path) -> None:
    abstract = f"@lifeguard-{os.getpid()}"
    for name in (str(tmp_path / "notify"), abstract):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(name.replace("@", "\0"))
            send("READY=1", name)
            assert listening.recv(100) == b"READY=1"


def test_nobody_waits_for_a_service_manager_that_reads_nothing(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        with pytest.raises(BlockingIOError):
            send_for_ever("WATCHDOG=1", name)


def send_for_ever(text: str, name: str) -> None:
    while True:
        send(text, name)


def test_the_status_counts_boards_by_what_their_state_means() -> None:
    parts = rig(inventory(boards=3))
    assert status_line(parts.fleet) == "4 boards: 4 still"
    parts.request("rq-reboot")
    assert status_line(parts.fleet) == "4 boards: 1 busy, 3 still"
    lab = inventory()
    alone = replace(lab, boards={"bare": lab.boards["bare"]})
    assert status_line(rig(alone).fleet) == "1 board: 1 still"


def test_a_lab_without_boards_has_a_status_too() -> None:
    assert status_line(rig(Inventory()).fleet) == "no boards"
