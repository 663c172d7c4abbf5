"""A boot is followed by what its board was sent, whichever way it fetched that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from lifeguard.lifecycle import Boots
from lifeguard.netboot.connection import Client
from lifeguard.netboot.files import FileContent
from lifeguard.wire.tftp import Ack, Error, Oack, Rrq, parse
from tests.netboot_rig import situation
from tests.test_netboot_boot_server import ADDRESS, PXE, SEARCH_LIST, lab_of
from tests.tftp_rig import BOARD, Lab
from tests.web_rig import web

if TYPE_CHECKING:
    from pathlib import Path

    from lifeguard.netboot.boot_server import BootServer
    from lifeguard.netboot.files import Content

CONFIG = SEARCH_LIST[0]
BLOCK = 512
KERNEL = os.urandom(10 * BLOCK + 100)
LAST = 11

assert BOARD.address == ADDRESS


class Tftp(Lab):
    """The boot server behind TFTP; the board is at the far end of its sockets."""

    def __init__(self, server: BootServer) -> None:
        super().__init__()
        self._server = server

    def resolve(self, name: str, client: str) -> Content:  # type: ignore[override]
        return self._server.resolve(name, client)

    def ask(self, name: str, *options: tuple[str, str]) -> None:
        """From a port of its own, as a loader asks for each file."""
        port = 1000 + len(self.connections)
        request = Rrq(name, "octet", options)
        self.receive(bytes(request), Client(ADDRESS, port, BOARD.asked))

    def acknowledge(self, *blocks: int) -> None:
        for block in blocks:
            self.arrive(bytes(Ack(block)))

    def fetch(self, name: str) -> None:
        """All of a file, a block at a time."""
        self.ask(name)
        while not self.connections[-1].closed:
            self.acknowledge(parse(self.connections[-1].sent[-1]).block)  # type: ignore[union-attr]

    def give_up(self) -> None:
        self.arrive(bytes(Error(0, "had enough")))


class Rig(NamedTuple):
    steps: list[str]
    """What the lab was told, all of generation 3."""
    tftp: Tftp
    http: Any

    def get(self, name: str, method: str = "GET", **headers: str) -> int:
        """The status of an answer that was sent to its end."""
        connection = self.http.connect(ADDRESS)
        connection.send(method, f"/files/{name}", headers, b"")
        self.http.lab.clock.advance(0)
        status: int = connection.reply().status
        connection.hang_up()
        return status


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk has to be waited for, which not every filesystem can tell."""

    def read_cached(content: FileContent, offset: int, room: memoryview) -> int:
        piece = content.read(offset, len(room))
        room[: len(piece)] = piece
        return len(piece)

    monkeypatch.setattr(FileContent, "read_cached", read_cached)


def rig(tmp_path: Path) -> Rig:
    """panda-01 has its config, which names this kernel."""
    parts = lab_of(tmp_path, "pxelinux", situation(Boots.WANTED), PXE)
    (tmp_path / "root" / "vmlinuz").write_bytes(KERNEL)
    found = Rig(parts.lab.steps, Tftp(parts.server), web(files=parts.server))
    found.tftp.fetch(CONFIG)
    assert found.steps == ["boot-config-fetched 3"]
    found.steps.clear()
    return found


def test_a_kernel_from_the_cache_is_begun_and_fetched_once(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.tftp.ask("vmlinuz")
    parts.tftp.acknowledge(1, 1)
    assert parts.steps == ["kernel-begun 3"]
    parts.tftp.acknowledge(*range(2, LAST))
    assert parts.steps == ["kernel-begun 3"]
    parts.tftp.acknowledge(LAST)
    parts.tftp.fetch("vmlinuz")
    assert parts.steps == ["kernel-begun 3", "kernel-fetched 3"]


def test_a_kernel_over_http_is_begun_and_fetched_once(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    assert [parts.get("vmlinuz") for _ in range(2)] == [200, 200]
    assert parts.steps == ["kernel-begun 3", "kernel-fetched 3"]


def test_a_kernel_in_parts_is_fetched_with_the_last(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    told = []
    for part in ("0-99", "100-999", "1000-"):
        assert parts.get("vmlinuz", range=f"bytes={part}") == 206
        told.append(len(parts.steps))
    assert told == [1, 1, 2]
    assert parts.steps == ["kernel-begun 3", "kernel-fetched 3"]


def test_an_aborted_transfer_is_begun_and_not_fetched(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.tftp.ask("vmlinuz")
    parts.tftp.acknowledge(1, 2, 3)
    parts.tftp.give_up()
    assert parts.steps == ["kernel-begun 3"]


def test_what_is_only_looked_at_is_not_begun(tmp_path: Path) -> None:
    """For its size, for its date, or to see whether it is there."""
    parts = rig(tmp_path)
    parts.tftp.ask("vmlinuz", ("tsize", "0"))
    assert isinstance(parse(parts.tftp.connections[-1].sent[0]), Oack)
    parts.tftp.give_up()
    parts.tftp.ask("vmlinuz", ("tsize", "0"))
    parts.tftp.acknowledge(0)
    parts.tftp.give_up()
    assert parts.get("vmlinuz", "HEAD") == 200
    assert parts.get("vmlinuz", **{"if-none-match": "*"}) == 304
    assert parts.steps == []


def test_a_config_that_nobody_acknowledged_was_not_fetched(tmp_path: Path) -> None:
    """The address in the request may be forged; its host refuses what it gets."""
    parts = rig(tmp_path)
    parts.tftp.ask(CONFIG)
    parts.tftp.arrive(ConnectionRefusedError())
    assert parts.tftp.connections[-1].closed
    assert parts.steps == []


def test_a_client_that_goes_without_its_last_word_has_the_file(tmp_path: Path) -> None:
    """Some never acknowledge the last block."""
    parts = rig(tmp_path)
    parts.tftp.ask("vmlinuz")
    parts.tftp.acknowledge(*range(1, LAST))
    parts.tftp.arrive(ConnectionRefusedError())
    assert parts.steps == ["kernel-begun 3", "kernel-fetched 3"]


@pytest.mark.parametrize("way", ["tftp", "http"])
def test_a_config_is_fetched_anew_by_each_way(tmp_path: Path, way: str) -> None:
    parts = rig(tmp_path)
    if way == "tftp":
        parts.tftp.fetch(CONFIG)
    else:
        assert [parts.get(CONFIG, method) for method in ("HEAD", "GET")] == [200, 200]
    assert parts.steps == ["boot-config-fetched 3"]
