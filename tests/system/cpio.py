"""The "newc" archive that the kernel takes for an initramfs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DIRECTORY = 0o040755
PROGRAM = 0o100755
FILE = 0o100644


class Member(NamedTuple):
    """One file of an archive; a directory has no content."""

    path: str
    mode: int
    content: bytes = b""


def archive(members: Iterable[Member]) -> bytes:
    """A directory must come before what lies in it."""
    packed = [_packed(inode, member) for inode, member in enumerate(members, 1)]
    return b"".join([*packed, _packed(0, Member("TRAILER!!!", 0))])


def _packed(inode: int, member: Member) -> bytes:
    name = member.path.encode() + b"\0"
    fields = [inode, member.mode, 0, 0, 1, 0, len(member.content)]
    fields += [0, 0, 0, 0, len(name), 0]  # devices, length of the name, no checksum
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _aligned(header + name) + _aligned(member.content)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
