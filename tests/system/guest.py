"""What a board boots: Debian's kernel and an initramfs of our own.

Debian's part is fetched once and kept in the user's cache; delete it to have it
anew. The initramfs is made for each test, so `etc/init.sh` may be changed freely.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import Literal

from .cpio import DIRECTORY, FILE, PROGRAM, Member, archive
from .debian import Packages, only

ETC = Path(__file__).with_name("etc")

Architecture = Literal["arm64", "amd64"]

# In the order they are loaded: each needs some of those before it.
MODULES: dict[Architecture, list[str]] = {
    "arm64": ["virtio_ring.ko", "virtio.ko", "virtio_mmio.ko"],
    "amd64": [
        *("virtio_ring.ko", "virtio.ko", "virtio_pci_legacy_dev.ko"),
        *("virtio_pci_modern_dev.ko", "virtio_pci.ko"),
    ],
}
DEVICES = ["virtio_blk.ko", "failover.ko", "net_failover.ko", "virtio_net.ko"]


def write_boot_files(directory: Path, architecture: Architecture = "arm64") -> None:
    """Make the directory, with a `kernel` and an `initrd` in it."""
    directory.mkdir(parents=True)
    debian = _debian(architecture)
    (directory / "kernel").write_bytes((debian / "kernel").read_bytes())
    initramfs = _initramfs(debian, _modules(architecture))
    (directory / "initrd").write_bytes(gzip.compress(initramfs, 1))


def _modules(architecture: Architecture) -> list[str]:
    return MODULES[architecture] + DEVICES


def _initramfs(debian: Path, names: list[str]) -> bytes:
    modules = [
        Member(f"modules/{place:02}-{name}", FILE, (debian / name).read_bytes())
        for place, name in enumerate(names)
    ]
    return archive(
        [
            Member("init", PROGRAM, (ETC / "init.sh").read_bytes()),
            Member("bin", DIRECTORY),
            Member("bin/busybox", PROGRAM, (debian / "busybox").read_bytes()),
            Member("modules", DIRECTORY),
            *modules,
        ]
    )


def _debian(architecture: Architecture) -> Path:
    """The kernel, busybox and the modules; renamed into place when complete."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    ready = cache / "lifeguard" / f"debian-{architecture}"
    if not ready.is_dir():
        ready.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ready.parent) as scratch:
            _fetch_debian(architecture, Path(scratch)).rename(ready)
    return ready


def _fetch_debian(architecture: Architecture, scratch: Path) -> Path:
    packages = Packages(architecture, scratch / "apt")
    kernel = packages.dependency(f"linux-image-cloud-{architecture}", "linux-image-")
    root, fetched = scratch / "root", scratch / "fetched"
    for package in (kernel, "busybox-static"):
        packages.unpack(package, root)
    fetched.mkdir()
    image = only(root, "boot/vmlinuz-*").read_bytes()
    # An arm64 kernel is not compressed; that of a PC unpacks itself.
    data = gzip.compress(image, 6) if architecture == "arm64" else image
    (fetched / "kernel").write_bytes(data)
    only(root, "bin/busybox").rename(fetched / "busybox")
    for name in _modules(architecture):
        only(root, name).rename(fetched / name)
    return fetched
