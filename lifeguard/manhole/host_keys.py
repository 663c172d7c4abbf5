"""The keys by which people know this host: made at the first start, kept for ever.

Two of them, because a client that has met only one kind refuses the other.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, Key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RSA_BITS: Final = 3072
"""What ssh-keygen makes when nothing is said."""

NOT_A_KEY: Final = (
    BadKeyError,
    EncryptedKeyError,
    ValueError,
    LookupError,
    struct.error,
)


class HostKeyError(Exception):
    """A host key that cannot be made or used; one line that names the file."""


def host_keys(state_dir: Path) -> list[Key]:
    """The ed25519 and the RSA key of this host, with their files' mode 0600."""
    return [
        _key(state_dir / "ssh_host_ed25519_key", _new_ed25519),
        _key(state_dir / "ssh_host_rsa_key", _new_rsa),
    ]


def _key(path: Path, new: Callable[[], Key]) -> Key:
    try:
        if not path.exists():
            _write(path, new())
        key: Key = Key.fromString(path.read_bytes(), type="PRIVATE_OPENSSH")
    except OSError as error:
        raise HostKeyError(f"{path}: {error.strerror}") from error
    except NOT_A_KEY as error:
        raise HostKeyError(f"{path}: no private key, or one with a password") from error
    return key


def _write(path: Path, key: Key) -> None:
    """By rename, so that a crash leaves a whole key or none."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(key.toString("openssh", subtype="v1"))
    os.replace(unfinished, path)


def _new_ed25519() -> Key:
    return Key(Ed25519PrivateKey.generate())


def _new_rsa() -> Key:
    return Key(generate_private_key(public_exponent=65537, key_size=RSA_BITS))
