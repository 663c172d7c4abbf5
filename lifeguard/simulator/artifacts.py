"""The files that simulated boards boot: what they are, and whether they arrived whole.

A file is one header line and random bytes. The header says what the file is, which
image it belongs to and the checksum of the rest, so a board runs what it was really
sent, and a TFTP server that garbles one byte is found out.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from random import Random

_MAGIC = "lifeguard-simulator"


class ArtifactError(Exception):
    """The bytes are not an artifact, or not all of one."""


class Artifact(Struct, frozen=True):
    """What a header says. `kind`: installer, self-test, maintenance, initrd or dud."""

    kind: str
    image: str


def build_artifact(artifact: Artifact, size: int, random: Random) -> bytes:
    """The file: a header and `size` bytes out of `random`."""
    payload = random.randbytes(size)
    checksum = sha256(payload).hexdigest()
    header = f"{_MAGIC} {artifact.kind} {artifact.image} {checksum}\n"
    return header.encode("ascii") + payload


def read_artifact(data: bytes) -> Artifact:
    """What the file is; raises ArtifactError when a bit of it is wrong."""
    header, _, payload = data.partition(b"\n")
    match header.decode("ascii", "replace").split(" "):
        case [magic, kind, image, checksum] if magic == _MAGIC:
            if sha256(payload).hexdigest() != checksum:
                raise ArtifactError(f"{kind} of {image}: wrong checksum")
            return Artifact(kind, image)
    raise ArtifactError(f"no boot file: {header[:40]!r}")
