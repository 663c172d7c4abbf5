"""The TFTP clients of the system fetch files from a real server, byte for byte."""

from __future__ import annotations

import random
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from lifeguard.netboot.files import Root
from lifeguard.netboot.tftp import NO_SUCH_FILE
from lifeguard.netboot.tftp_server import TftpServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

SIZES = {"empty": 0, "small": 100, "multiple": 8 * 1024, "kernel": 3_000_001}

ATFTP = "atftp --get -r {name} -l {to} 127.0.0.1 {port} "
CURL = "curl -sS --fail -o {to} tftp://127.0.0.1:{port}/{name} "
CLIENTS = {
    "tftp": "tftp -m binary 127.0.0.1 {port} -c get {name} {to}",
    "atftp": ATFTP,
    "atftp-blksize": ATFTP + "--option 'blksize 1468'",
    "atftp-window": ATFTP + "--option 'windowsize 8' --option 'blksize 1024'"
    " --option 'tsize 0' --option 'timeout 2'",
    "atftp-too-much": ATFTP + "--option 'windowsize 500' --option 'blksize 65464'",
    "curl": CURL,
    "curl-blksize": CURL + "--tftp-blksize 1408",
    "curl-no-options": CURL + "--tftp-no-options",
}
FETCHES = [
    (client, name)
    for client in CLIENTS
    for name in SIZES
    if (client, name) not in {("curl", "empty"), ("curl-blksize", "empty")}
]  # curl calls a size of 0 invalid


def rig(tmp_path: Path) -> TftpServer:
    root = tmp_path / "root"
    root.mkdir()
    for name, size in SIZES.items():
        (root / name).write_bytes(random.Random(name).randbytes(size))
    (root / "text").write_bytes(b"one\ntwo\r\nthree\rfour\n" * 200)
    files = Root(root)
    server = TftpServer(
        lambda name, client: files.open(name),
        reactor,  # type: ignore[arg-type]
        address="127.0.0.1",
        port=0,
    )
    server.startService()
    return server


async def fetch(
    server: TftpServer, command: str, name: str, to: Path
) -> tuple[str, int]:
    """What the client printed, and its exit code."""
    program, *words = shlex.split(command.format(port=server.port, name=name, to=to))
    path = shutil.which(program)
    if path is None:
        await server.stopService()
        pytest.fail(f"{program} is missing; .ci/run installs it")
    running = getProcessOutputAndValue(path, words)
    output, errors, code = await running.addTimeout(20, reactor)
    return (output + errors).decode(), code


@pytest.mark.parametrize(("client", "name"), FETCHES)
@ensureDeferred
async def test_a_client_gets_every_byte(tmp_path: Path, client: str, name: str) -> None:
    server = rig(tmp_path)
    to = tmp_path / "got"
    said, code = await fetch(server, CLIENTS[client], name, to)
    await server.stopService()
    assert code == 0, said
    assert to.read_bytes() == (tmp_path / "root" / name).read_bytes()


@pytest.mark.parametrize("client", ["tftp", "atftp", "curl-no-options"])
@ensureDeferred
async def test_a_client_gets_more_blocks_than_there_are_numbers(
    tmp_path: Path, client: str
) -> None:
    """65,700 of 512 bytes."""
    server = rig(tmp_path)
    data = random.Random("long").randbytes(65_700 * 512 - 1)
    (tmp_path / "root" / "long").write_bytes(data)
    to = tmp_path / "got"
    said, code = await fetch(server, CLIENTS[client], "long", to)
    await server.stopService()
    assert code == 0, said
    assert to.read_bytes() == data
    for large in (to, tmp_path / "root" / "long"):
        large.unlink()


@ensureDeferred
async def test_a_text_comes_back_as_it_was(tmp_path: Path) -> None:
    server = rig(tmp_path)
    to = tmp_path / "got"
    command = "tftp -m ascii 127.0.0.1 {port} -c get {name} {to}"
    await fetch(server, command, "text", to)
    await server.stopService()
    assert to.read_bytes() == (tmp_path / "root" / "text").read_bytes()


@pytest.mark.parametrize(
    ("client", "words"),
    [("tftp", NO_SUCH_FILE), ("atftp", NO_SUCH_FILE), ("curl", "curl: (68)")],
)  # curl has a number of its own for it
@ensureDeferred
async def test_a_missing_file_is_told(tmp_path: Path, client: str, words: str) -> None:
    server = rig(tmp_path)
    said, _ = await fetch(server, CLIENTS[client], "nothing", tmp_path / "got")
    await server.stopService()
    assert words in said
