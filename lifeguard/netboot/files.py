"""What can be sent to a board: files below a root that nothing leaves, or memory.

Every name is taken to be hostile. A content once opened stays the version that it
was, whatever becomes of the name. Shared by TFTP and HTTP; knows of neither.
"""

from __future__ import annotations

import errno
import os
import stat
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from pathlib import Path

_NAMES_NOTHING = {
    errno.EACCES,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
}


def is_names_fault(error: OSError) -> bool:
    """Whether it will not open later either.

    Anything else (descriptors, memory, a disk) is this machine's fault, just now.
    """
    return error.errno in _NAMES_NOTHING


class NotFound(Exception):
    """No regular file of this name can be had below the root."""


class Version(NamedTuple):
    """What tells one state of one file from every other. `size` is in bytes."""

    device: int
    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> Version:
        return cls(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)

    @property
    def modified(self) -> int:
        """When it was written last, in Unix seconds."""
        return self.modified_ns // 10**9

    @property
    def tag(self) -> str:
        """All of it in one word."""
        return "-".join(f"{part:x}" for part in self)


class Content(Protocol):
    """Bytes that do not change while they are served. `size` is in bytes."""

    @property
    def size(self) -> int: ...

    @property
    def file(self) -> FileContent | None:
        """The file whose bytes they are, to be shared or sent by parts; or None.

        Who takes it has what the content held, and closes it in its stead.
        """

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer only at the end; raises OSError."""

    def sent(self, start: int, end: int) -> None:
        """Told by the sender: the bytes from `start` up to `end` have gone out."""

    def close(self) -> None:
        """Give back what the content holds; a second time does nothing."""


class MemoryContent:
    """Content that was made here, such as a boot config."""

    file = None

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def sent(self, start: int, end: int) -> None:
        pass

    def close(self) -> None:
        pass


class _Opened:
    """An open file, as it was then; it is closed when nobody has it any more."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        status = os.fstat(handle)
        self.version = Version.of(status)
        self.marks = _marks(status)

    def __del__(self) -> None:
        os.close(self.handle)


_marks = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
"""What stays the same of a file as long as nobody writes to it or moves it."""


class FileContent:
    """An open file, as long as it was when it was opened."""

    def __init__(self, opened: _Opened) -> None:
        self._opened: _Opened | None = opened
        self.version = opened.version
        self.size = opened.version.size

    @property
    def file(self) -> FileContent:
        return self

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        data = os.pread(self._handle, length, offset)
        if len(data) < length:
            raise OSError(errno.EIO, "the file was cut short while it was served")
        return data

    def read_cached(self, offset: int, room: memoryview) -> int:
        """Fill `room` with what need not be waited for; how many bytes that are.

        None at all where a disk is to be asked, or an error to be told: by `read`.
        """
        length = max(0, min(len(room), self.size - offset))
        try:
            return os.preadv(self._handle, [room[:length]], offset, os.RWF_NOWAIT)
        except OSError:
            return 0

    def is_unchanged(self) -> bool:
        """Whether nobody has written to it since; its name may be another's."""
        return Version.of(os.fstat(self._handle)) == self.version

    def sent(self, start: int, end: int) -> None:
        pass

    def close(self) -> None:
        self._opened = None

    @property
    def _handle(self) -> int:
        if self._opened is None:
            raise ValueError("the content is closed")
        return self._opened.handle


class Root:
    """A directory whose regular files may be had by anyone."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)
        self._opened: WeakValueDictionary[str, _Opened] = WeakValueDictionary()
        """By path, what contents have open now, each found to be inside when it was
        opened. To see that nobody has moved it or written to it since takes an eighth
        of the time, and a storm is of requests for what is open."""

    def open(self, name: str) -> FileContent:
        """The file of this name; a leading `/` and `\\` are as boot loaders mean them.

        Raises NotFound, also for what lies outside, and OSError when this machine
        cannot open anything just now.
        """
        try:
            path = f"{self._path}/{_relative(name)}"
            # First, for most names that are asked for name nothing.
            marks = _marks(os.stat(path))
            opened = self._opened.get(path)
            if opened is None or opened.marks != marks:
                opened = self._opened[path] = self._open(path)
        except ValueError as error:  # a NUL, or what no file name can be
            raise NotFound(name) from error
        except OSError as error:
            raise _blamed(error, name) from error
        return FileContent(opened)

    def _open(self, path: str) -> _Opened:
        with _Place(path) as found, _Place(self._path) as root:
            return _reopened(found, root)


class _Place:
    """A handle that touches no device and waits for no fifo's writer."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_PATH | os.O_CLOEXEC)

    def __enter__(self) -> int:
        return self._handle

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _reopened(found: int, root: int) -> _Opened:
    """Judge and open what was found, not its name, which may mean more by now."""
    inside = os.readlink(_link(found)).startswith(
        os.path.join(os.readlink(_link(root)), "")
    )
    if not (inside and stat.S_ISREG(os.fstat(found).st_mode)):
        raise FileNotFoundError(errno.ENOENT, "no regular file below the root")
    return _Opened(os.open(_link(found), os.O_RDONLY | os.O_CLOEXEC))


def _link(handle: int) -> str:
    return f"/proc/self/fd/{handle}"


def _relative(name: str) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    if ".." in parts:
        raise NotFound(name)
    return "/".join(parts)


def _blamed(error: OSError, name: str) -> Exception:
    return NotFound(name) if is_names_fault(error) else error
