"""Boot artifacts over HTTP: parts, versions, the client's pace, the one decision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lifeguard.model import Boot, Inventory
from lifeguard.web import files
from lifeguard.web.files import DESCRIPTORS
from lifeguard.web.transfer import PIECE, READS_AT_ONCE, STALLED_SECONDS
from tests.rig import inventory
from tests.test_files import forget, no_descriptors
from tests.web_rig import PANDA, STRANGER, Connection, Reply, WebRig, booting, web

CONFIG = "/files/pxelinux.cfg/01-02-00-00-00-00-01"
KERNEL = "/files/arm64/kernel"
DATA = bytes(range(251)) * 2000
SIZE = len(DATA)

assert 3 * PIECE < SIZE < 4 * PIECE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"not yours")
    files = tmp_path / "tftp"
    (files / "arm64").mkdir(parents=True)
    (files / "arm64" / "kernel").write_bytes(DATA)
    (files / "empty").write_bytes(b"")
    (files / "out").symlink_to(tmp_path / "secret")
    return files


@pytest.fixture(autouse=True)
def leaves_no_descriptor(root: Path) -> Iterator[None]:
    yield
    assert open_files(root) == []


def open_files(root: Path) -> list[str]:
    """The names below the root that are open just now."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # it was what listed them
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    below = f"{root}/"
    return [link.removeprefix(below) for link in links if link.startswith(below)]


@dataclass
class FakeReactor:
    """The rig's clock, and threads that read when a test lets them."""

    clock: Clock
    reads: list[Callable[[], None]] = field(default_factory=list)

    def seconds(self) -> float:
        return self.clock.seconds()

    def callLater(self, delay: float, work: Callable[..., None], *args: Any) -> Any:
        return self.clock.callLater(delay, work, *args)

    def getThreadPool(self) -> FakeReactor:
        return self

    def callInThreadWithCallback(
        self, tell: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any
    ) -> None:
        def read() -> None:
            try:
                outcome = (True, work(*args))
            except OSError:
                outcome = (False, Failure())
            tell(*outcome)

        self.reads.append(read)

    def callFromThread(self, work: Callable[..., None], *args: Any) -> None:
        work(*args)


@dataclass
class FileRig:
    """The lab's files, served."""

    web: WebRig
    reactor: FakeReactor

    def go_on(self) -> None:
        """Until nothing happens by itself any more."""
        self.reactor.clock.advance(0)
        while self.reactor.reads:
            self.reactor.reads.pop(0)()
            self.reactor.clock.advance(0)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        connection = self.web.connect()
        self.send(connection, path, method, **headers)
        self.go_on()
        reply = connection.reply()
        connection.hang_up()
        return reply

    def send(
        self, connection: Connection, path: str, method: str = "GET", **headers: str
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.send(method, path, named, b"")

    def slow_reader(self) -> Connection:
        """Has asked for the kernel, and takes one write until it reads on."""
        connection = self.web.connect()
        write = connection.transport.write

        def full(data: bytes) -> None:
            write(data)
            connection.transport.producer.pauseProducing()

        connection.transport.write = full
        self.send(connection, KERNEL)
        return connection


def rig(root: Path | None, lab: Inventory | None = None) -> FileRig:
    parts = web(lab, root=root, reactor=FakeReactor)
    return FileRig(parts, parts.site.clock)  # type: ignore[arg-type]


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is in memory: every piece is read by a thread."""
    forget(monkeypatch)


def read_on(connection: Connection) -> bytes:
    """What has come since the last time; then the client reads on."""
    data: bytes = connection.transport.value()
    connection.transport.clear()
    connection.transport.producer.resumeProducing()
    return data


# What is sent.


def test_a_file_is_sent_whole(root: Path) -> None:
    reply = rig(root).ask(KERNEL)
    assert (reply.status, reply.body) == (200, DATA)
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-length"] == str(SIZE)
    assert reply.headers["accept-ranges"] == "bytes"


@pytest.mark.usefixtures("cold")
def test_a_file_is_sent_whole_from_the_disk(root: Path) -> None:
    assert rig(root).ask(KERNEL).body == DATA


def test_a_file_may_be_empty(root: Path) -> None:
    reply = rig(root).ask("/files/empty")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == "0"


def test_the_headers_of_a_file_can_be_had_alone(root: Path) -> None:
    """UEFI firmware asks for them first, and never for a range of them."""
    parts = rig(root)
    head, get = parts.ask(KERNEL, "HEAD", range="bytes=0-9"), parts.ask(KERNEL)
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-9", range(10)),
        (f"bytes={PIECE - 1}-{2 * PIECE}", range(PIECE - 1, 2 * PIECE + 1)),
        (f"bytes={SIZE - 1}-", range(SIZE - 1, SIZE)),
        ("bytes=-1000", range(SIZE - 1000, SIZE)),
    ],
)
def test_a_part_of_a_file_can_be_had(root: Path, asked: str, span: range) -> None:
    reply = rig(root).ask(KERNEL, range=asked)
    assert (reply.status, reply.body) == (206, DATA[span.start : span.stop])
    assert reply.headers["content-length"] == str(len(span))
    last = span.stop - 1
    assert reply.headers["content-range"] == f"bytes {span.start}-{last}/{SIZE}"


def test_a_part_that_is_not_there_is_refused(root: Path) -> None:
    reply = rig(root).ask(KERNEL, range=f"bytes={SIZE}-")
    assert (reply.status, reply.json) == (416, {"error": f"the file has {SIZE} bytes"})
    assert reply.headers["content-range"] == f"bytes */{SIZE}"


def test_a_client_that_has_the_file_is_told_so(root: Path) -> None:
    parts = rig(root)
    first = parts.ask(KERNEL)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"if_none_match": tag}, {"if_modified_since": date}):
        for method in ("GET", "HEAD"):
            reply = parts.ask(KERNEL, method, **headers)
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers["etag"] == tag
            assert "content-length" not in reply.headers


def test_a_file_that_was_replaced_is_another_one(root: Path) -> None:
    parts = rig(root)
    tag = parts.ask(KERNEL).headers["etag"]
    (root / "new").write_bytes(b"new")
    (root / "new").rename(root / "arm64" / "kernel")
    same = parts.ask(KERNEL, if_match=tag)
    rest = parts.ask(KERNEL, range="bytes=1-", if_range=tag)
    assert (same.status, list(same.json)) == (412, ["error"])
    assert (rest.status, rest.body) == (200, b"new")
    assert rest.headers["etag"] != tag


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("grub.efi", "application/efi"),
        ("GRUB.EFI", "application/efi"),
        ("disk.img", "application/vnd.efi-img"),
        ("installer.iso", "application/vnd.efi-iso"),
        ("page.html", "application/octet-stream"),
        ("page.svg", "application/octet-stream"),
    ],
)
def test_firmware_is_told_what_it_boots_and_no_browser_is_given_a_page(
    root: Path, name: str, kind: str
) -> None:
    (root / name).write_bytes(b"<script>")
    reply = rig(root).ask(f"/files/{name}", "HEAD")
    assert reply.headers["content-type"] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_without_a_root_there_are_no_files() -> None:
    assert rig(None).ask(KERNEL).status == 404


# How it is sent.


def test_a_slow_reader_holds_one_piece(root: Path) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    received = b""
    while len(received) < SIZE:
        parts.go_on()
        assert len(connection.transport.value()) <= PIECE + 500
        received += read_on(connection)
    assert received.endswith(DATA)
    connection.hang_up()


def test_a_client_that_is_resumed_twice_gets_nothing_twice(root: Path) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    received = b""
    while len(received) < SIZE:
        parts.go_on()
        received += read_on(connection)
        connection.transport.producer.resumeProducing()
    assert received.endswith(DATA)
    connection.hang_up()


@pytest.mark.usefixtures("cold")
def test_a_client_that_is_resumed_while_a_thread_reads_gets_nothing_twice(
    root: Path,
) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    parts.reactor.clock.advance(0)
    connection.transport.producer.pauseProducing()
    connection.transport.producer.resumeProducing()
    parts.reactor.clock.advance(0)
    assert len(parts.reactor.reads) == 1
    received = b""
    while len(received) < SIZE:
        parts.go_on()
        received += read_on(connection)
    assert received.endswith(DATA)
    connection.hang_up()


def test_a_file_that_is_replaced_is_sent_as_it_was_opened(root: Path) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    parts.go_on()
    received = read_on(connection)
    (root / "new").write_bytes(b"new" * SIZE)
    (root / "new").rename(root / "arm64" / "kernel")
    while len(received) < SIZE:
        parts.go_on()
        received += read_on(connection)
    assert received.endswith(DATA)
    connection.hang_up()


def test_readers_take_turns(root: Path) -> None:
    """However many there are, none is served twice before the others."""
    parts = rig(root)
    order: list[int] = []
    connections = [parts.web.connect() for _ in range(20)]
    for number, connection in enumerate(connections):
        connection.transport.write = lambda _, number=number: order.append(number)
        parts.send(connection, KERNEL)
    parts.go_on()
    assert order == [*range(20)] * 4
    for connection in connections:
        connection.hang_up()


@pytest.mark.usefixtures("cold")
def test_few_threads_wait_for_the_disk(root: Path) -> None:
    parts = rig(root)
    connections = [parts.web.connect() for _ in range(20)]
    for connection in connections:
        parts.send(connection, KERNEL)
    parts.reactor.clock.advance(0)
    assert len(parts.reactor.reads) == READS_AT_ONCE
    parts.go_on()
    assert [connection.reply().body for connection in connections] == [DATA] * 20
    for connection in connections:
        connection.hang_up()


# How it ends.


def test_a_client_that_hangs_up_costs_no_descriptor(root: Path) -> None:
    parts = rig(root)
    timers = parts.reactor.clock.getDelayedCalls()
    connection = parts.slow_reader()
    parts.go_on()
    assert open_files(root) == ["arm64/kernel"]
    connection.hang_up()
    assert open_files(root) == []
    assert parts.reactor.clock.getDelayedCalls() == timers


@pytest.mark.usefixtures("cold")
def test_a_client_that_hangs_up_leaves_the_file_to_the_thread_that_reads_it(
    root: Path,
) -> None:
    """Its number may be another file's as soon as it is closed."""
    parts = rig(root)
    connection = parts.slow_reader()
    parts.reactor.clock.advance(0)
    connection.hang_up()
    assert open_files(root) == ["arm64/kernel"]
    parts.go_on()
    assert open_files(root) == []


def test_a_client_that_hangs_up_before_its_turn_is_forgotten(root: Path) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    connection.hang_up()
    parts.go_on()
    assert connection.transport.value() == b""


def test_a_client_that_reads_no_more_is_dropped(root: Path) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    parts.go_on()
    parts.reactor.clock.advance(STALLED_SECONDS - 1)
    read_on(connection)
    parts.go_on()
    parts.reactor.clock.advance(STALLED_SECONDS - 1)
    assert not connection.transport.disconnected
    parts.reactor.clock.advance(1)
    assert connection.transport.disconnected
    connection.hang_up()


@pytest.mark.parametrize("cut", [PIECE + 1, PIECE])
def test_a_file_that_is_cut_short_is_not_taken_for_whole(root: Path, cut: int) -> None:
    parts = rig(root)
    connection = parts.slow_reader()
    parts.go_on()
    os.truncate(root / "arm64" / "kernel", cut)
    while not connection.transport.disconnected:
        assert len(read_on(connection)) <= PIECE + 500
        parts.go_on()
    connection.hang_up()


def test_a_machine_without_descriptors_says_so(root: Path) -> None:
    parts = rig(root)
    connection = parts.web.connect()
    with no_descriptors():
        parts.send(connection, KERNEL)
    reply = connection.reply()
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.json == {"error": "arm64/kernel: Too many open files"}
    connection.hang_up()


@pytest.mark.parametrize("scarce", ["transfers", "descriptors"])
def test_no_more_files_are_sent_at_once_than_may_be(
    root: Path, monkeypatch: pytest.MonkeyPatch, scarce: str
) -> None:
    if scarce == "transfers":
        monkeypatch.setattr(files, "MOST_TRANSFERS", 2)
    else:
        monkeypatch.setattr(files, "getrlimit", lambda _: (2 * DESCRIPTORS, 99))
    parts = rig(root)
    readers = [parts.slow_reader(), parts.slow_reader()]
    refused, head = parts.ask(KERNEL), parts.ask(KERNEL, "HEAD")
    readers.pop().hang_up()
    assert [refused.status, head.status, parts.ask(KERNEL).status] == [503, 200, 200]
    assert refused.headers["retry-after"] == "1"
    assert refused.json == {"error": "as many files are being sent as may be"}
    readers.pop().hang_up()


# Boot configs.


def with_template(lab: Inventory, folder: Path) -> Inventory:
    """The same images, all booted by one template that can be rendered."""
    (folder / "x.j2").write_text("boot")
    boot = Boot(loader="pxelinux", template=str(folder / "x.j2"))
    images = {
        name: structs.replace(image, boot=dict.fromkeys(image.boot, boot))
        for name, image in lab.images.items()
    }
    return structs.replace(lab, images=images)


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


def test_a_boot_config_is_sent_whole_and_kept_by_nobody(tmp_path: Path) -> None:
    parts = booting(web(with_template(inventory(), tmp_path)))
    headers = {"Range": "bytes=1-", "If-None-Match": "*"}
    reply = parts.ask(CONFIG, headers=headers)
    assert (reply.status, reply.body) == (200, b"boot")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert not {"etag", "last-modified", "accept-ranges"} & set(reply.headers)


def test_a_boot_config_follows_the_one_decision(root: Path) -> None:
    (root / "pxelinux.cfg").mkdir()
    (root / "pxelinux.cfg" / "01-02-00-00-00-00-01").write_bytes(b"stale")
    reply = web(root=root).ask(CONFIG, peer=PANDA)
    assert (reply.status, reply.json) == (
        404,
        {"error": "panda-01 boots its disk (New)"},
    )
