"""The machine that lifeguard is installed on: a Debian of its own, with systemd.

Its files are Debian's, fetched anew. Its processes, its services and its network are
its own: nothing on the machine that runs the tests is installed, started or changed.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from platform import freedesktop_os_release

from tests.process_lab import LIMIT, Process, child_of, until

from .debian import program

INSTALL_LIMIT = 300.0
"""Seconds that a package may take to be fetched and set up."""

_PACKAGES = "systemd-sysv,dbus,ca-certificates"
_CERTIFICATES = "etc/ssl/of-the-host.crt"
_SETTINGS = {
    "etc/apt/apt.conf.d/90tests": 'APT::Get::Assume-Yes "true";\n',
    "etc/dpkg/dpkg.cfg.d/90tests": "force-unsafe-io\n",
    "etc/hostname": "lab-server\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lab-server\n",
    "etc/pip.conf": f"[global]\ncert = /{_CERTIFICATES}\nquiet = 1\n",
}
"""Nobody is there to say yes, or to read on; nothing has to outlive a power cut. Its
name it knows itself, as sudo wants to."""

_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "TERM": "dumb",
}


def lay_out(root: Path) -> None:
    """Write the files of a new machine, which trusts whom this one trusts."""
    suite = freedesktop_os_release()["VERSION_CODENAME"]
    command = [program("mmdebstrap", "mmdebstrap"), "--quiet", "--variant=minbase"]
    command += [f"--include={_PACKAGES}", suite, str(root)]
    subprocess.run(command, check=True, timeout=INSTALL_LIMIT)
    trusted = ssl.get_default_verify_paths().cafile
    assert trusted is not None
    shutil.copy(trusted, root / _CERTIFICATES)
    for name, text in _SETTINGS.items():
        (root / name).write_text(text)


@contextmanager
def lab_server(root: Path) -> Iterator[LabServer]:
    """A machine that is up; its plug is pulled and its files are forgotten."""
    nspawn = program("systemd-nspawn", "systemd-container")
    # All of it is in one namespace of processes, and ends with its first.
    as_one = (program("unshare", "util-linux"), "--mount", "--pid", "--mount-proc")
    root.mkdir()
    try:
        lay_out(root)
        machine = Process(
            *(program("setpriv", "util-linux"), "--pdeathsig", "KILL"),
            *(*as_one, "--fork", "--kill-child"),
            *(nspawn, "--quiet", "--boot", "--register=no", "--keep-unit"),
            *("--private-network", "--resolv-conf=copy-host", "--console=pipe"),
            f"--directory={root}",
        )
        try:
            server = LabServer(root, machine.process.pid)
            until(server.is_up)
            yield server
        finally:
            machine.end(signal.SIGKILL)
    finally:
        shutil.rmtree(root)


class LabServer:
    """`root` is the directory of its files; `holder` the process that it ends with."""

    def __init__(self, root: Path, holder: int) -> None:
        self.root = root
        self._holder = holder

    def is_up(self) -> bool:
        """Whether all that it starts has been started."""
        asked = self._shell("systemctl is-system-running")
        done = subprocess.run(
            asked, capture_output=True, env=_ENVIRONMENT, timeout=LIMIT
        )
        return done.stdout == b"running\n"

    def write(self, name: str, text: str) -> None:
        """Write a file of it; `name` begins with a slash."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, script: str, *, installs: bool = False) -> str:
        """What a shell prints that runs the script as root; no command may fail.

        What `installs` something has the network of the host, and more time.
        """
        done = subprocess.run(
            self._shell(script, own_network=not installs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            text=True,
            timeout=INSTALL_LIMIT if installs else LIMIT,
        )
        assert done.returncode == 0, script + done.stdout
        return done.stdout

    @contextmanager
    def running(self, script: str) -> Iterator[Process]:
        """A shell that runs the script until it is interrupted, as by Ctrl-C."""
        shell = Process(*self._shell(script), environment=_ENVIRONMENT)
        try:
            yield shell
        finally:
            os.killpg(shell.process.pid, signal.SIGINT)
            shell.leave()

    def inside(self, *command: str | Path) -> list[str]:
        """A command of the host that has the network of this machine."""
        return [*self._enter("--net"), *map(str, command)]

    def _shell(self, script: str, *, own_network: bool = True) -> list[str]:
        spaces = ["--mount", "--uts", "--ipc", "--pid", "--root", "--wd"]
        if own_network:
            spaces.append("--net")
        at_home = f"cd\n{script}"
        return [*self._enter(*spaces), "bash", "-euo", "pipefail", "-c", at_home]

    def _enter(self, *spaces: str) -> list[str]:
        init = child_of(child_of(self._holder))
        return [program("nsenter", "util-linux"), f"--target={init}", *spaces]
