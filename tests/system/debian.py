"""Debian's programs, and packages of another architecture: unpacked, never installed.

apt runs on a state of its own: the machine's package lists, its dpkg database and
its architectures stay as they are. The sources are those of the machine. What is
missing fails the test with one line that says what to install.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str, package: str) -> str:
    """The path of a program that `package` brings."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"no {name}: install Debian's package {package}", pytrace=False)
    return found


def package_file(path: str, package: str) -> str:
    """`path` itself, which `package` brings."""
    if not Path(path).is_file():
        pytest.fail(f"no {path}: install Debian's package {package}", pytrace=False)
    return path


def only(directory: Path, pattern: str) -> Path:
    """The one file below `directory` that the pattern means."""
    found = list(directory.rglob(pattern))
    if len(found) != 1:
        pytest.fail(f"{len(found)} files {pattern} in Debian's packages", pytrace=False)
    return found[0]


class Packages:
    """Debian's archive as a machine of `architecture` sees it.

    `scratch` is a directory that is not there yet, or empty.
    """

    def __init__(self, architecture: str, scratch: Path) -> None:
        self._scratch = scratch
        for directory in ("state/lists/partial", "cache/archives/partial", "debs"):
            (scratch / directory).mkdir(parents=True)
        (scratch / "status").touch()
        settings = {
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Dir::State": scratch / "state",
            "Dir::State::status": scratch / "status",
            "Dir::Cache": scratch / "cache",
        }
        self._options = [f"-o{name}={value}" for name, value in settings.items()]
        self._apt("apt-get", "update")

    def dependency(self, package: str, prefix: str) -> str:
        """The package whose name begins so, of those that `package` depends on."""
        for line in self._apt("apt-cache", "depends", package).splitlines():
            kind, _, name = line.strip().partition(": ")
            if kind == "Depends" and name.startswith(prefix):
                return name
        pytest.fail(f"{package} depends on no package {prefix}...", pytrace=False)

    def unpack(self, package: str, root: Path) -> None:
        """Fetch a package and lay out its files below `root`."""
        self._apt("apt-get", "download", package)
        deb = only(self._scratch / "debs", f"{package}_*.deb")
        subprocess.run([program("dpkg", "dpkg"), "-x", deb, root], check=True)

    def _apt(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [program(name, "apt"), *self._options, *arguments],
            cwd=self._scratch / "debs",
            capture_output=True,
            text=True,
        )
        if done.returncode:
            reason = " ".join(done.stderr.split())
            pytest.fail(f"{name} {' '.join(arguments)}: {reason}", pytrace=False)
        return done.stdout
