"""The servers that are measured: lifeguard, the floor, and every peer that is found.

Each runs on loopback, in a session of its own that ends with the measurement; none is
installed or started as a service. A server has the first core and the load another:
the scheduler likes to put both on one, or does not, and that is all one would measure.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.tftp.python_peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.lab import Lab

HOST = "127.0.0.1"
HERE = Path(__file__).parent

_LIFEGUARD = """
[http]
listen = "tcp:{http}:interface=127.0.0.1"
[tftp]
address = "127.0.0.1"
port = {port}
root = "{root}"
"""

_IN_A_NETWORK = 'ip link set lo up && echo up && exec "$@" >&2'

_CORES = sorted(os.sched_getaffinity(0))
SERVERS_CORE, LOADS_CORE = _CORES[0], _CORES[-1]


def end_by_sigterm() -> None:
    """Let SIGTERM end this program as an exception does: servers end with it."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


class Server(NamedTuple):
    """How a server is started. `port` is where it then listens.

    `http` is where it answers HTTP, if it does. `alone`: in a network of its own, for
    it takes no port but 69. `forks`: its children's work cannot be counted, for they
    go without being waited for.
    """

    name: str
    command: list[str]
    port: int
    http: int | None = None
    alone: bool = False
    forks: bool = False


class Running:
    """A server that runs, from `with` on."""

    def __init__(self, server: Server, root: Path, log: Path) -> None:
        self.server = server
        self._root = root
        self._log = log

    def __enter__(self) -> Running:
        command = self.server.command
        if self.server.alone:
            command = ["unshare", "--net", "sh", "-c", _IN_A_NETWORK, "sh", *command]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._root,
                stdout=subprocess.PIPE if self.server.alone else log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )
        os.sched_setaffinity(self._process.pid, {SERVERS_CORE})
        if self._process.stdout is not None:
            with self._process.stdout as told:
                told.readline()  # until its network can be entered, and is up
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def from_there(self, command: list[str]) -> list[str]:
        """The command in the network that the server is in."""
        if not self.server.alone:
            return command
        return ["nsenter", "--target", str(self._process.pid), "--net", *command]

    def cpu_seconds(self) -> float:
        """What it and all its children have used."""
        ticks = sum(_ticks(self._process.pid))
        return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(session: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield sum(map(int, fields[11:15]))


def servers(work: Path, first_port: int) -> list[Server]:
    """All that can be started here; `work` holds the files and what is compiled."""
    root = work / "root"
    ports = iter(range(first_port, first_port + 100))
    files = [word for path in root.iterdir() for word in (path.name, str(path))]
    port = next(ports)
    floor = Server("floor", [str(work / "floor"), HOST, str(port), *files], port)
    return [
        lifeguard(work, root, next(ports), next(ports)),
        floor,
        *_peers(root, ports),
    ]


def lifeguard(work: Path, root: Path, port: int, http: int) -> Server:
    """The daemon as users run it, in a state directory of its own."""
    configuration = work / "lifeguard.toml"
    configuration.write_text(_LIFEGUARD.format(http=http, port=port, root=root))
    return _daemon(configuration, port, http)


def lifeguard_of(lab: Lab) -> Server:
    """The daemon of a lab whose boards are in its database."""
    return _daemon(lab.configuration, lab.tftp, lab.http)


def _daemon(configuration: Path, port: int, http: int) -> Server:
    twistd = "from twisted.scripts.twistd import run; run()"
    words = ["--nodaemon", "--pidfile=", "lifeguard", "--config", str(configuration)]
    return Server("lifeguard", [sys.executable, "-c", twistd, *words], port, http)


def _peers(root: Path, ports: Iterator[int]) -> Iterator[Server]:
    if path := shutil.which("in.tftpd"):
        port = next(ports)
        where = ["--listen", "--foreground", "--address", f"{HOST}:{port}"]
        words = [*where, "--user", "root", "--secure", str(root)]
        yield Server("tftpd-hpa", [path, *words], port, forks=True)
    if path := shutil.which("atftpd"):
        port = next(ports)
        where = ["--daemon", "--no-fork", "--bind-address", HOST, "--port", str(port)]
        words = [*where, "--maxthread", "1000", "--user", "root.root", str(root)]
        yield Server("atftpd", [path, *words], port)
    if path := shutil.which("dnsmasq"):
        words = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"]
        words += ["--enable-tftp", f"--tftp-root={root}", "--tftp-max=1000"]
        words += ["--user=root", "--log-facility=-", "--pid-file="]
        yield Server("dnsmasq", [path, *words], 69, alone=True)
    for name in PEERS:
        if find_spec(name):
            port = next(ports)
            words = [str(HERE / "python_peers.py"), name, HOST, str(port)]
            yield Server(name, [sys.executable, *words], port)
