"""Nothing but regular files below the root can be had, whatever the name."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.netboot.files import Content, MemoryContent, NotFound, Root, Version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A root with what may be had, and a secret beside it."""
    root = tmp_path / "root"
    (root / "arm64").mkdir(parents=True)
    (root / "arm64" / "kernel").write_bytes(b"kernel")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "secret").write_bytes(b"secret")
    return root


def read(root: Path, name: str) -> bytes:
    content = Root(root).open(name)
    try:
        return content.read(0, content.size)
    finally:
        content.close()


@pytest.mark.parametrize(
    "name",
    [
        "arm64/kernel",
        "/arm64/kernel",
        "//arm64//kernel",
        "./arm64/./kernel",
        "\\arm64\\kernel",
    ],
)
def test_a_file_is_found_as_boot_loaders_spell_it(lab: Path, name: str) -> None:
    """Line 9: leading and double slashes, backslashes."""
    assert read(lab, name) == b"kernel"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        ".",
        "arm64",
        "nothing",
        "arm64/kernel/nothing",
        "../secret",
        "/../secret",
        "arm64/../../secret",
        "arm64/../arm64/kernel",
        "..\\secret",
        "..",
        "kernel\0",
        "\0",
        "\udcff",
        chr(0xD800),  # in no file system
        "a" * 300,
        "a/" * 5000,
        "é" * 200,
    ],
)
def test_a_name_that_means_no_file_of_the_root_is_not_found(
    lab: Path, name: str
) -> None:
    """Line 9: `..`, NULs, no UTF-8, names too long, the empty name."""
    with pytest.raises(NotFound):
        Root(lab).open(name)


def test_a_file_outside_is_not_found_by_its_absolute_name(lab: Path) -> None:
    with pytest.raises(NotFound):
        Root(lab).open(str(lab.parent / "secret"))


def test_a_name_that_is_not_utf8_is_found_when_there_is_such_a_file(lab: Path) -> None:
    with open(os.fsencode(lab) + b"/\xff", "wb") as file:
        file.write(b"latin")
    assert read(lab, "\udcff") == b"latin"


def test_a_link_that_stays_inside_is_followed(lab: Path) -> None:
    (lab / "kernel").symlink_to("arm64/kernel")
    (lab / "current").symlink_to(lab / "arm64")
    assert [read(lab, "kernel"), read(lab, "current/kernel")] == [b"kernel"] * 2


@pytest.mark.parametrize(
    "target",
    ["../secret", "../root-beside/secret", "/etc/passwd", "loop", "/proc/self/maps"],
)
def test_a_link_that_leads_outside_is_not_found(lab: Path, target: str) -> None:
    (lab / "loop").symlink_to("loop")
    (lab / "link").symlink_to(target)
    with pytest.raises(NotFound):
        Root(lab).open("link")


def test_a_linked_directory_that_leads_outside_is_not_found(lab: Path) -> None:
    (lab / "up").symlink_to("..")
    with pytest.raises(NotFound):
        Root(lab).open("up/secret")


def test_the_root_may_be_a_link_itself(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(lab)
    assert read(tmp_path / "link", "arm64/kernel") == b"kernel"


def test_a_fifo_is_not_found_and_not_waited_for(lab: Path) -> None:
    os.mkfifo(lab / "fifo")
    with pytest.raises(NotFound):
        Root(lab).open("fifo")


def test_a_device_is_not_found(lab: Path) -> None:
    (lab / "null").symlink_to("/dev/null")
    with pytest.raises(NotFound):
        Root(lab).open("null")


@given(st.text())
def test_no_name_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    root = Root(tmp_path_factory.getbasetemp() / "there-is-no-such-root")
    with pytest.raises(NotFound):
        root.open(name)


def test_an_open_file_stays_the_version_it_was(lab: Path) -> None:
    """Line 27: a file that is replaced while it is served."""
    root = Root(lab)
    old = root.open("arm64/kernel")
    (lab / "new").write_bytes(b"a longer kernel")
    (lab / "new").rename(lab / "arm64" / "kernel")
    with closing(old), closing(root.open("arm64/kernel")) as new:
        assert [old.size, old.read(0, 100)] == [6, b"kernel"]
        assert [new.size, new.read(0, 100)] == [15, b"a longer kernel"]


def test_a_file_is_opened_once_for_all_who_are_sent_it_now(lab: Path) -> None:
    root = Root(lab)
    before = os.listdir("/proc/self/fd")
    first, second = root.open("arm64/kernel"), root.open("arm64/kernel")
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    first.close()
    assert second.read(0, 6) == b"kernel"
    second.close()
    assert os.listdir("/proc/self/fd") == before


def test_what_is_written_to_is_another_version_for_who_asks_next(lab: Path) -> None:
    root, kernel = Root(lab), lab / "arm64" / "kernel"
    with closing(root.open("arm64/kernel")) as old:
        kernel.write_bytes(b"longer kernel")
        with closing(root.open("arm64/kernel")) as new:
            assert (old.version.size, new.version.size) == (6, 13)


def test_an_open_file_that_is_moved_outside_is_not_found_by_a_link(lab: Path) -> None:
    root, kernel, outside = Root(lab), lab / "arm64" / "kernel", lab.parent / "kernel"
    opened_at = kernel.stat().st_ctime_ns
    with closing(root.open("arm64/kernel")):
        kernel.rename(outside)
        while outside.stat().st_ctime_ns == opened_at:  # it ticks
            outside.chmod(0o600)
        kernel.symlink_to(outside)
        with pytest.raises(NotFound):
            root.open("arm64/kernel")


def test_an_open_file_that_is_removed_is_not_found(lab: Path) -> None:
    root = Root(lab)
    with closing(root.open("arm64/kernel")) as old:
        (lab / "arm64" / "kernel").unlink()
        with pytest.raises(NotFound):
            root.open("arm64/kernel")
        assert old.read(0, 6) == b"kernel"


def test_a_content_that_is_closed_cannot_be_read(lab: Path) -> None:
    content = Root(lab).open("arm64/kernel")
    content.close()
    with pytest.raises(ValueError, match="closed"):
        content.read(0, 6)


def test_a_file_that_grows_is_served_at_its_old_size(lab: Path) -> None:
    content = Root(lab).open("arm64/kernel")
    with (lab / "arm64" / "kernel").open("ab") as file:
        file.write(b" and more")
    assert content.read(0, 100) == b"kernel"
    assert content.read_cached(0, memoryview(bytearray(100))) <= 6
    content.close()


def test_a_file_that_is_cut_short_is_an_error_not_a_short_file(lab: Path) -> None:
    content = Root(lab).open("arm64/kernel")
    os.truncate(lab / "arm64" / "kernel", 3)
    with pytest.raises(OSError, match="cut short"):
        content.read(0, 6)
    content.close()


@contextmanager
def no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_being_out_of_descriptors_is_not_a_missing_file(lab: Path) -> None:
    """Line 28: the client is to ask again, not to boot its disk."""
    root = Root(lab)
    with no_descriptors(), pytest.raises(OSError, match="open files") as raised:
        root.open("arm64/kernel")
    assert raised.value.errno == errno.EMFILE


def test_no_descriptor_is_left_open(lab: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for name in ("arm64/kernel", "arm64", "nothing", "../secret"):
        try:
            Root(lab).open(name).close()
        except NotFound:
            continue
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_content_is_read_by_offset(lab: Path, kind: str) -> None:
    content: Content = Root(lab).open("arm64/kernel")
    if kind == "memory":
        content.close()
        content = MemoryContent(b"kernel")
    reads = [content.read(*span) for span in [(0, 4), (4, 4), (6, 4), (9, 4)]]
    assert [content.size, *reads] == [6, b"kern", b"el", b"", b""]
    content.close()
    content.close()


def test_what_is_in_memory_is_read_at_once(lab: Path) -> None:
    """A file system that cannot tell has nothing in memory."""
    content = Root(lab).open("arm64/kernel")
    room = bytearray(b"......")
    reads = [content.read_cached(at, memoryview(room)[2:]) for at in (0, 3, 6, 9)]
    assert (reads, bytes(room)) in (
        ([4, 3, 0, 0], b"..neln"),
        ([0, 0, 0, 0], b"......"),
    )
    content.close()


def forget(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nothing is in memory, as Linux says it; with which flags that was asked."""
    asked: list[int] = []

    def preadv(file: int, rooms: list[memoryview], offset: int, flags: int) -> int:
        asked.append(flags)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "preadv", preadv)
    return asked


def test_what_is_on_the_disk_is_not_waited_for(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Root(lab).open("arm64/kernel")
    asked = forget(monkeypatch)
    assert content.read_cached(0, memoryview(bytearray(6))) == 0
    assert asked == [os.RWF_NOWAIT]
    assert content.read(0, 6) == b"kernel"
    content.close()


def test_a_version_has_another_tag_after_every_change(lab: Path) -> None:
    kernel, new = lab / "arm64" / "kernel", lab / "new"

    def version() -> Version:
        with closing(Root(lab).open("arm64/kernel")) as content:
            return content.version

    kernel.write_bytes(b"one")
    versions = [version()]
    at = versions[0].modified_ns + 1
    os.utime(kernel, ns=(at, at))
    versions.append(version())
    kernel.write_bytes(b"longer")
    os.utime(kernel, ns=(at, at))
    versions.append(version())
    new.write_bytes(b"others")
    os.utime(new, ns=(at, at))
    new.rename(kernel)
    versions.append(version())
    assert len({version.tag for version in versions}) == 4
    assert [version.size for version in versions] == [3, 3, 6, 6]
