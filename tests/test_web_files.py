"""Boot artifacts over HTTP: whole files, at the client's pace, and the one decision."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec import structs

from lifeguard.model import Boot, Inventory
from lifeguard.web.files import PIECE
from tests.rig import inventory
from tests.web_rig import PANDA, STRANGER, booting, web

CONFIG = "/files/pxelinux.cfg/01-02-00-00-00-00-01"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"not yours")
    files = tmp_path / "tftp"
    (files / "arm64").mkdir(parents=True)
    (files / "arm64" / "kernel").write_bytes(b"kernel" * 50_000)
    (files / "empty").write_bytes(b"")
    (files / "out").symlink_to(tmp_path / "secret")
    return files


def with_template(lab: Inventory, folder: Path) -> Inventory:
    """The same images, all booted by one template that can be rendered."""
    (folder / "x.j2").write_text("boot")
    boot = Boot(loader="pxelinux", template=str(folder / "x.j2"))
    images = {
        name: structs.replace(image, boot=dict.fromkeys(image.boot, boot))
        for name, image in lab.images.items()
    }
    return structs.replace(lab, images=images)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_file_is_sent_whole(root: Path) -> None:
    before = open_files()
    reply = web(root=root).ask("/files/arm64/kernel")
    assert (reply.status, reply.headers["content-type"]) == (
        200,
        "application/octet-stream",
    )
    assert reply.headers["content-length"] == "300000"
    assert reply.body == b"kernel" * 50_000
    assert open_files() == before


def test_a_file_may_be_empty(root: Path) -> None:
    reply = web(root=root).ask("/files/empty")
    assert (reply.status, reply.headers["content-length"], reply.body) == (
        200,
        "0",
        b"",
    )


def test_the_headers_of_a_file_can_be_had_alone(root: Path) -> None:
    before = open_files()
    reply = web(root=root).ask("/files/arm64/kernel", "HEAD")
    assert (reply.status, reply.headers["content-length"], reply.body) == (
        200,
        "300000",
        b"",
    )
    assert open_files() == before


OUTSIDE = [
    "../secret",
    "..%2Fsecret",
    "arm64/../../secret",
    "out",
    "%00",
    "arm64",
    "arm64/",
    "nonesuch",
    "x" * 5000,
    "%5C..%5Csecret",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_else_can_be_had(root: Path, name: str) -> None:
    reply = web(root=root).ask(f"/files/{name}")
    assert (reply.status, list(reply.json)) == (404, ["error"])


def test_without_a_root_there_are_no_files() -> None:
    assert web().ask("/files/arm64/kernel").status == 404


def test_files_are_read_as_fast_as_the_client_reads(root: Path) -> None:
    parts = web(root=root)
    connection = parts.connect()
    write = connection.transport.write

    def full(data: bytes) -> None:
        write(data)
        connection.transport.producer.pauseProducing()

    connection.transport.write = full
    connection.send("GET", "/files/arm64/kernel", {}, b"")
    pieces = [len(connection.reply().body)]
    while sum(pieces) < 300_000:
        connection.transport.producer.resumeProducing()
        pieces.append(len(connection.transport.value()))
        connection.transport.clear()
    assert pieces == [PIECE] * 4 + [300_000 - 4 * PIECE]


def test_a_client_that_hangs_up_costs_no_descriptor(root: Path) -> None:
    before = open_files()
    connection = web(root=root).connect()
    connection.transport.write = lambda data: (
        connection.transport.producer.pauseProducing()
    )
    connection.send("GET", "/files/arm64/kernel", {}, b"")
    assert open_files() == before + 1
    connection.hang_up()
    assert open_files() == before


@dataclass
class CutShort:
    """A file that loses its end while it is served."""

    size: int = 2 * PIECE
    closed: list[bool] = field(default_factory=list)

    def read(self, offset: int, length: int) -> bytes:
        if offset:
            raise OSError("the file was cut short")
        return b"x" * length

    def close(self) -> None:
        self.closed.append(True)


def test_a_file_that_is_cut_short_is_not_taken_for_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = CutShort()
    monkeypatch.setattr(
        "lifeguard.netboot.boot_server.BootServer.resolve", lambda *_: content
    )
    connection = web().connect()
    connection.send("GET", "/files/x", {}, b"")
    assert connection.transport.disconnected
    connection.hang_up()
    assert content.closed == [True]


def test_a_machine_that_can_open_nothing_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("lifeguard.netboot.boot_server.BootServer.resolve", exhausted)
    reply = web().ask("/files/x")
    assert (reply.status, reply.json) == (503, {"error": "x: Too many open files"})


def test_a_look_at_the_boot_config_is_no_second_boot(tmp_path: Path) -> None:
    """Only the board's own GET makes its next installer-running one."""
    parts = booting(web(with_template(inventory(), tmp_path)))
    parts.happens("installer-running")
    noted = []
    for method, peer in (("HEAD", STRANGER), ("GET", STRANGER), ("HEAD", PANDA)):
        assert parts.ask(CONFIG, method, peer).status == 200
        noted.append(parts.lab.board("panda-01").standing.noted)
    assert noted == [(), (), ()]
    assert parts.happens("installer-running").json["repeat"]
    assert parts.ask(CONFIG, peer=PANDA).body == b"boot"
    assert parts.lab.board("panda-01").standing.noted == ("boot-config-fetched",)


def test_a_boot_config_follows_the_one_decision(root: Path) -> None:
    (root / "pxelinux.cfg").mkdir()
    (root / "pxelinux.cfg" / "01-02-00-00-00-00-01").write_bytes(b"stale")
    reply = web(root=root).ask(CONFIG, peer=PANDA)
    assert (reply.status, reply.json) == (
        404,
        {"error": "panda-01 boots its disk (New)"},
    )
