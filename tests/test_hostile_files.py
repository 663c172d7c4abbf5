"""Nothing leaves the root: one table of spellings, asked for over TFTP and HTTP alike.

Whatever a name looks like, it gets a file that lies below the root, or nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifeguard.netboot.files import NotFound, Root
from lifeguard.wire.tftp import Malformed, Rrq, parse
from tests.test_web_files import FileRig, rig
from tests.web_rig import STRANGER

SECRET, KERNEL, ODD = b"the secret", b"the kernel", b"the odd one"

WANTED = [b"kernel", b"arm64/kernel", b"within", b"here/kernel", b"./arm64//kernel"]
"""Names that may be had: the table below would prove nothing if none could be."""

UP = [
    b"..",
    b"../",
    b"..\\",
    b"..;",
    b".. ",
    b"...",
    b". .",
    b"%2e%2e",
    b"%2E%2e",
    b"%252e%252e",
    b"%u002e%u002e",
    b"\xc0\xae\xc0\xae",  # overlong UTF-8
    b"\xe0\x80\xae\xe0\x80\xae",
    "\uff0e\uff0e".encode(),  # full width
    "\u2025".encode(),
    b"..\0",
    b"..%00",
    b"\0..",
]
"""Ways to say `..`, or to make somebody else say it."""

SLASHES = [
    b"/",
    b"\\",
    b"//",
    b"/./",
    b"\\/",
    b"%2f",
    b"%5c",
    b"%252f",
    b"\xc0\xaf",
    "\u2215".encode(),
]

LINKS = [b"out", b"up/secret", b"abroad/secret", b"loop", b"proc/self/environ", b"null"]
"""Links that leave the root, or end nowhere."""

NAMES = [
    *LINKS,
    *(up + slash + b"secret" for up in UP for slash in SLASHES),
    *(b"arm64" + slash + up + slash + up + slash + b"secret"
      for up in UP for slash in SLASHES),
    *(link + slash + b".." + slash + b"secret"
      for link in (b"arm64", b"here", b"abroad") for slash in SLASHES),
    b"/" * 4 + b"../secret",
    b"../root-beside/secret",
    b"../root/../secret",
    b"kernel/../../secret",
    b"secret",
    b"~/secret",
    b"~root/secret",
    b"file:///secret",
    b"C:\\secret",
    b"\\\\?\\secret",
    b"a/" * 3000 + b"../" * 3001 + b"secret",
    b"../" * 40 + b"etc/passwd",
    b"/etc/passwd",
    b"/proc/self/root/etc/passwd",
    b"",
    b".",
    b"/",
    b"\0",
]  # fmt: skip
"""Names by which nothing may be had."""

HTTP_SPELLINGS: list[Callable[[bytes], str]] = [
    lambda name: re.sub(rb"[^!-~]|[#?]", _percent, name).decode(),
    lambda name: quote_from_bytes(name, ""),
    lambda name: re.sub(rb"(?s).", _percent, name).decode(),
    lambda name: re.sub(rb"(?s).", _percent, name).decode().lower(),
    lambda name: quote_from_bytes(quote_from_bytes(name, "").encode(), ""),
]
"""As they are, quoted as clients do, every byte quoted, and quoted twice."""


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


class Lab(NamedTuple):
    """A root with secrets all around it, served both ways."""

    root: Path
    files: FileRig

    def tftp(self, name: bytes) -> bytes | None:
        """What a read request for `name` is served; None: an error, or nothing."""
        try:
            request = parse(b"\0\1" + name + b"\0octet\0")
            assert isinstance(request, Rrq)
            content = self.files.web.files.resolve(request.filename, STRANGER)
        except (Malformed, NotFound):
            return None
        try:
            return content.read(0, content.size)
        finally:
            content.close()

    def http(self, path: str) -> tuple[int, bytes]:
        """Status and body of the answer to a GET of `path`, sent as it stands."""
        connection = self.files.web.connect()
        connection.receive(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.files.go_on()
        reply = connection.reply()
        connection.hang_up()
        return reply.status, reply.body


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    around = tmp_path_factory.mktemp("around")
    root = around / "root"
    (root / "arm64").mkdir(parents=True)
    (root / "kernel").write_bytes(KERNEL)
    (root / "arm64" / "kernel").write_bytes(KERNEL)
    (root / "%2e%2e").mkdir()
    (root / "%2e%2e" / "odd").write_bytes(ODD)
    for place in (around, around / "root-beside", around.parent):
        place.mkdir(exist_ok=True)
        (place / "secret").write_bytes(SECRET)
    for name, target in {
        "within": "arm64/kernel",
        "here": ".",
        "out": "../secret",
        "up": "..",
        "abroad": str(around / "root-beside"),
        "loop": "loop",
        "proc": "/proc",
        "null": "/dev/null",
    }.items():
        (root / name).symlink_to(target)
    return Lab(root, rig(root))


@pytest.mark.parametrize("name", WANTED)
def test_what_lies_below_the_root_can_be_had_both_ways(lab: Lab, name: bytes) -> None:
    assert lab.tftp(name) == KERNEL
    assert lab.http(f"/files/{name.decode()}") == (200, KERNEL)


def test_nothing_of_the_table_can_be_had_over_tftp(lab: Lab) -> None:
    absolute = os.fsencode(lab.root.parent / "secret")
    served = [name for name in [*NAMES, absolute] if lab.tftp(name) is not None]
    assert served == []


def test_nothing_of_the_table_can_be_had_beside_what_is_being_sent(lab: Lab) -> None:
    resolve = lab.files.web.files.resolve
    with ExitStack() as opened:
        for name in WANTED:
            opened.enter_context(closing(resolve(name.decode(), STRANGER)))
        assert [name for name in NAMES if lab.tftp(name) is not None] == []


@pytest.mark.parametrize("spell", HTTP_SPELLINGS)
def test_nothing_of_the_table_can_be_had_over_http(
    lab: Lab, spell: Callable[[bytes], str]
) -> None:
    absolute = os.fsencode(lab.root.parent / "secret")
    paths = [f"/files/{spell(name)}" for name in [*NAMES, absolute]]
    assert {lab.http(path)[0] for path in paths if len(path) < 16_000} == {404}


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/files",
        "/files/",
        "/files/../files/../secret",
        "/files/%2e%2e/%2e%2e/secret",
        "/files;/../secret",
        "/files\\..\\secret",
        "//files/../secret",
        "http://x/files/../secret",
        "files/../secret",
        "../secret",
    ],
)
def test_nothing_beside_the_files_can_be_had(lab: Lab, path: str) -> None:
    status, body = lab.http(path)
    assert (status, SECRET in body) == (404, False)


def test_a_name_is_decoded_once(lab: Lab) -> None:
    """What looks quoted on the disk is a name like any other."""
    assert lab.tftp(b"%2e%2e/odd") == ODD
    assert lab.http("/files/%252e%252e/odd") == (200, ODD)
    assert lab.http("/files/%2e%2e/odd")[0] == 404


PARTS = st.sampled_from(
    [*UP, *SLASHES, *LINKS, b"kernel", b"arm64", b"here", b"secret", b"up", b"odd"]
)


@given(st.lists(PARTS, min_size=1, max_size=9).map(b"".join))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_mean_the_same_by_a_name(lab: Lab, name: bytes) -> None:
    """But for a leading slash, which a URL cannot say, and for what is no text."""
    served = lab.tftp(name)
    assert served in (None, KERNEL, ODD)
    status, body = lab.http(f"/files/{quote_from_bytes(name, '')}")
    if status == 200:
        assert body == served
    elif served is not None:
        assert name.startswith(b"/") or _is_no_text(name)


def _is_no_text(name: bytes) -> bool:
    """Over TFTP a NUL ends the name; over HTTP it is a part of it."""
    try:
        return "\0" in name.decode()
    except UnicodeDecodeError:
        return True


@contextmanager
def swapping(folder: Path, link: Path) -> Iterator[None]:
    """Put `link` in the place of `folder` and back, as fast as can be."""
    aside, ended = folder.with_name("aside"), Event()

    def swap() -> None:
        while not ended.is_set():
            folder.rename(aside)
            link.rename(folder)
            folder.rename(link)
            aside.rename(folder)

    thread = Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("is_open", [False, True])
def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(
    tmp_path: Path, is_open: bool
) -> None:
    folder = tmp_path / "root"
    (folder / "arm64").mkdir(parents=True)
    (folder / "arm64" / "kernel").write_bytes(KERNEL)
    (tmp_path / "kernel").write_bytes(SECRET)
    (folder / "link").symlink_to("..")
    root, served = Root(folder), set()
    with ExitStack() as opened:
        if is_open:
            opened.enter_context(closing(root.open("arm64/kernel")))
        opened.enter_context(swapping(folder / "arm64", folder / "link"))
        for _ in range(3000):
            try:
                content = root.open("arm64/kernel")
            except NotFound:
                continue
            served.add(content.read(0, content.size))
            content.close()
    assert served == {KERNEL}
