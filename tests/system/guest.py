"""What the board boots: Debian's arm64 kernel and an initramfs of our own.

Debian's part is fetched once and kept in the user's cache; delete it to have it
anew. The initramfs is made for each test, so `etc/init.sh` may be changed freely.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path

from .cpio import DIRECTORY, FILE, PROGRAM, Member, archive
from .debian import Packages, only

ETC = Path(__file__).with_name("etc")

# In the order they are loaded: each needs some of those before it.
MODULES = (
    "virtio_ring.ko",
    "virtio.ko",
    "virtio_mmio.ko",
    "virtio_blk.ko",
    "failover.ko",
    "net_failover.ko",
    "virtio_net.ko",
)


def write_boot_files(directory: Path) -> None:
    """Make the directory, with a `kernel` and an `initrd` in it, both gzip'd."""
    directory.mkdir(parents=True)
    debian = _debian()
    (directory / "kernel").write_bytes((debian / "kernel").read_bytes())
    (directory / "initrd").write_bytes(gzip.compress(_initramfs(debian), 1))


def _initramfs(debian: Path) -> bytes:
    modules = [
        Member(f"modules/{place}-{name}", FILE, (debian / name).read_bytes())
        for place, name in enumerate(MODULES)
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


def _debian() -> Path:
    """The kernel, busybox and the modules; renamed into place when complete."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    ready = cache / "lifeguard" / "debian-arm64"
    if not ready.is_dir():
        ready.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ready.parent) as scratch:
            _fetch_debian(Path(scratch)).rename(ready)
    return ready


def _fetch_debian(scratch: Path) -> Path:
    packages = Packages("arm64", scratch / "apt")
    kernel = packages.dependency("linux-image-cloud-arm64", "linux-image-")
    root, fetched = scratch / "root", scratch / "fetched"
    for package in (kernel, "busybox-static"):
        packages.unpack(package, root)
    fetched.mkdir()
    image = only(root, "boot/vmlinuz-*").read_bytes()
    (fetched / "kernel").write_bytes(gzip.compress(image, 6))
    only(root, "bin/busybox").rename(fetched / "busybox")
    for name in MODULES:
        only(root, name).rename(fetched / name)
    return fetched
