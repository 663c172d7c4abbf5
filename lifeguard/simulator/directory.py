"""A directory that `twistd lifeguard --config DIR/lifeguard.toml` can work with.

Everything here is written anew at each start; what the daemon keeps there is not
touched.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from lifeguard.simulator.artifacts import Artifact, build_artifact
from lifeguard.simulator.configuration import (
    DATABASE,
    IMAGES,
    TEMPLATE,
    inventory_text,
    settings_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lifeguard.simulator.plan import PlannedBoard
    from lifeguard.simulator.ports import Ports

KERNEL_BYTES, INITRD_BYTES = 20_000, 45_000


def write_directory(
    directory: Path,
    boards: Sequence[PlannedBoard],
    relay_ports: Mapping[str, int],
    ports: Ports,
    seed: int,
    database: str = DATABASE,
    images: Mapping[str, str] = IMAGES,
) -> None:
    """Configuration, inventory, template, boot files and a key for the manhole."""
    directory.mkdir(parents=True, exist_ok=True)
    inventory = inventory_text(boards, relay_ports, ports, images)
    _write(directory / "lifeguard.toml", settings_text(ports, database).encode())
    _write(directory / "boards.toml", inventory.encode())
    _write(directory / "templates" / "netboot.cfg.j2", TEMPLATE.encode())
    for image, kind in images.items():
        _write_boot_files(directory / "tftp" / image, image, kind, seed)
    _write_manhole_key(directory)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def _write_boot_files(folder: Path, image: str, kind: str, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(f"{seed}/{image}")
    kernel = build_artifact(Artifact(kind, image), KERNEL_BYTES, random)
    initrd = build_artifact(Artifact("initrd", image), INITRD_BYTES, random)
    _write(folder / "kernel", kernel)
    _write(folder / "initrd", initrd)


def _write_manhole_key(directory: Path) -> None:
    """A pair as ssh-keygen makes it; ssh takes a private key only from its owner."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path = directory / "manhole_key"
    path.touch(0o600)
    path.chmod(0o600)
    _write(path, private)
    _write(directory / "authorized_keys", public + b" simulator\n")
