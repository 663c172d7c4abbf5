"""Big files over HTTP, beside every other server that is found here.

    python -m benchmarks.files [--readers 50 2000] [--runs 5] [--seconds 3]

Each reader asks for the same file again and again. Every byte of every tenth reader is
compared, those of the others are counted. Measured one after another in each run, by
the same client:

- lifeguard: `twistd lifeguard`, a process, as users run it. Meanwhile another process
  asks for `/healthz`, 50 times a second on a connection of its own; before, with nobody
  else there, for the same time;
- nginx, with one worker, if it is found on the PATH or named by `--nginx`;
- static.File, which is Twisted's own;
- http.server, Python's own, a thread for every reader, and so not for very many;
- the ceiling: an epoll loop around sendfile(2), which cannot do anything else.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST, PORT = "127.0.0.1", 18090
REPOSITORY = Path(__file__).parents[1]
TWISTD = (Path(sys.executable).with_name("twistd"), "--nodaemon", "--pidfile=")
SIZE = 64 * 2**20
TICKS = os.sysconf("SC_CLK_TCK")
PROBE_SECONDS = 0.02
MOST_THREADS = 200
COMPARED = 10
"""One reader of so many looks at what it reads."""


class Figures(NamedTuple):
    """What a server did, and what it took. Times in seconds, sizes in bytes."""

    rate: float
    cost: float
    """Processor time for 10**9 bytes."""
    memory: int
    descriptors_left: int
    idle_p99: float
    busy_p99: float


# Clients.


class Reader:
    """Reads the file over and over, on a new connection each time."""

    def __init__(self, path: str, data: bytes | None) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        )
        self._data = data
        self.received = 0
        self.open()

    def open(self) -> None:
        self._head, self._offset = b"", 0
        self.socket = socket.create_connection((HOST, PORT), 10)
        self.socket.sendall(self._request.encode())
        self.socket.setblocking(False)

    def read(self, buffer: bytearray) -> bool:
        """False: the answer has ended, and was whole."""
        is_body = self._head.endswith(b"\r\n\r\n")
        # What nobody looks at is not even copied.
        flags = socket.MSG_TRUNC if is_body and self._data is None else 0
        try:
            count = self.socket.recv_into(buffer, 0, flags)
        except BlockingIOError:
            return True
        if not count:
            assert self._offset == SIZE, f"{self._offset} bytes of {SIZE}"
            return False
        self._take(count) if is_body else self._take_head(bytes(buffer[:count]))
        if self._data is not None and is_body:
            expected = self._data[self._offset - count : self._offset]
            assert buffer[:count] == expected, "other bytes"
        return True

    def _take_head(self, data: bytes) -> None:
        head, end, body = (self._head + data).partition(b"\r\n\r\n")
        self._head = head + end
        assert not end or b" 200 " in head[:15], head
        self._take(len(body))

    def _take(self, count: int) -> None:
        self._offset += count
        self.received += count


class Load(NamedTuple):
    """Bytes that all readers got together, and the seconds that it took."""

    received: int
    seconds: float


def read_all(path: str, data: bytes, readers: int, seconds: float) -> Load:
    """So many readers at once, for `seconds`."""
    poll, clients = select.epoll(), {}
    buffer = bytearray(256 * 1024)
    for number in range(readers):
        client = Reader(path, None if number % COMPARED else data)
        clients[client.socket.fileno()] = client
        poll.register(client.socket, select.EPOLLIN)
    begun = time.perf_counter()
    while time.perf_counter() < begun + seconds:
        for number, _ in poll.poll(1.0):
            client = clients[number]
            if not client.read(buffer):
                del clients[number]
                client.socket.close()
                client.open()
                clients[client.socket.fileno()] = client
                poll.register(client.socket, select.EPOLLIN)
    took = time.perf_counter() - begun
    for client in clients.values():
        client.socket.close()
    return Load(sum(client.received for client in clients.values()), took)


def probe(path: str, seconds: float) -> float:
    """The 99th percentile of the seconds that an answer takes."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    times: list[float] = []
    with socket.create_connection((HOST, PORT), 30) as client:
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            client.sendall(request)
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
            times.append(time.perf_counter() - begun)
            time.sleep(max(0.0, PROBE_SECONDS - times[-1]))
    return sorted(times)[len(times) * 99 // 100]


# Servers.


@contextmanager
def process(*arguments: str | Path, directory: Path) -> Iterator[int]:
    """A process that listens; its id."""
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            list(map(str, arguments)),
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        ) as child,
    ):
        try:
            _wait_until_it_listens(child)
            yield child.pid
        finally:
            child.terminate()
            child.wait()


def _wait_until_it_listens(child: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            socket.create_connection((HOST, PORT), 1).close()
            return
        except OSError:
            time.sleep(0.05)
        if child.poll() is not None:
            break
    raise SystemExit(f"{child.args!r} does not listen")


def lifeguard(directory: Path) -> list[str | Path]:
    (directory / "boards.toml").write_text("")
    (directory / "lifeguard.toml").write_text(
        f"""
[server]
url = "http://{HOST}:{PORT}"
[http]
listen = "tcp:{PORT}:interface={HOST}"
[tftp]
port = {PORT}
address = "{HOST}"
root = "{directory}/root"
"""
    )
    return [*TWISTD, "lifeguard", "--config", directory / "lifeguard.toml"]


def nginx(directory: Path, program: str) -> list[str | Path]:
    (directory / "nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {directory}/pid; error_log {directory}/error;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{ listen {HOST}:{PORT} backlog=4096; root {directory}/root; }}
}}
"""
    )
    return [program, "-p", directory, "-c", directory / "nginx.conf"]


def static_file(directory: Path) -> list[str | Path]:
    listen = f"tcp:{PORT}:interface={HOST}"
    return [*TWISTD, "web", "--path", directory / "root", "--listen", listen]


def http_server(directory: Path) -> list[str | Path]:
    where = ("--bind", HOST, "--directory", directory / "root", str(PORT))
    return [sys.executable, "-m", "http.server", *where]


def ceiling(directory: Path) -> list[str | Path]:
    file = directory / "root" / "image"
    return [sys.executable, "-m", "benchmarks.files", "--ceiling", file]


def serve_ceiling(path: str) -> None:
    """Send the file to everybody, whatever they ask."""
    file = os.open(path, os.O_RDONLY)
    listening = socket.create_server((HOST, PORT), backlog=4096)
    poll, clients, offsets = select.epoll(), {}, {}
    poll.register(listening, select.EPOLLIN)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE
    while True:
        for number, _ in poll.poll():
            if number == listening.fileno():
                client, _ = listening.accept()
                client.recv(4096)
                client.sendall(head)
                client.setblocking(False)
                clients[client.fileno()], offsets[client.fileno()] = client, 0
                poll.register(client, select.EPOLLOUT)
                continue
            try:
                offsets[number] += os.sendfile(number, file, offsets[number], SIZE)
            except BlockingIOError:
                continue
            except OSError:
                offsets[number] = SIZE
            if offsets[number] == SIZE:
                clients.pop(number).close()


# Measuring.


def measure(
    command: list[str | Path],
    path: str,
    vitals: str | None,
    directory: Path,
    readers: int,
    seconds: float,
) -> Figures:
    """One server, from its start to its end; `vitals` is what the probe asks for."""
    data = (directory / "root" / "image").read_bytes()
    with (
        process(*command, directory=directory) as server,
        ProcessPoolExecutor(1) as other,
    ):
        read_all(path, data, 10, 0.5)
        idle = other.submit(probe, vitals, seconds).result() if vitals else 0.0
        time.sleep(0.2)
        opened, before = _descriptors(server), _processor_time(server)
        busy: Future[float] | None = None
        if vitals:
            busy = other.submit(probe, vitals, seconds)
        load = read_all(path, data, readers, seconds)
        cost = (_processor_time(server) - before) / load.received * 10**9
        memory, p99 = _peak_memory(server), busy.result() if busy else 0.0
        left = _descriptors_left(server, opened)
    return Figures(load.received / load.seconds, cost, memory, left, idle, p99)


def _descriptors_left(process: int, opened: int) -> int:
    """More than were `opened`, two seconds after the last reader has gone."""
    end = time.perf_counter() + 2
    while (left := _descriptors(process) - opened) > 0 and time.perf_counter() < end:
        time.sleep(0.05)
    return left


def _processor_time(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak_memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _descriptors(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


def run(nginx_program: str | None, readers: int, seconds: float) -> dict[str, Figures]:
    """Each server once."""
    found: dict[str, Figures] = {}
    servers: dict[str, Callable[[Path], list[str | Path]]] = {
        "lifeguard": lifeguard,
        "static.File": static_file,
        "ceiling": ceiling,
    }
    if readers <= MOST_THREADS:
        servers["http.server"] = http_server
    if nginx_program is not None:
        servers["nginx"] = lambda directory: nginx(directory, nginx_program)
    for name, prepare in servers.items():
        with tempfile.TemporaryDirectory() as temporary:
            directory = Path(temporary)
            directory.chmod(0o755)  # nginx's worker is nobody
            (directory / "root").mkdir()
            (directory / "root" / "image").write_bytes(Random(1).randbytes(SIZE))
            ours = name == "lifeguard"
            path, vitals = ("/files/image", "/healthz") if ours else ("/image", None)
            command = prepare(directory)
            found[name] = measure(command, path, vitals, directory, readers, seconds)
    return found


def show(readers: int, runs: list[dict[str, Figures]]) -> None:
    """The medians, and the median of the ratios of each run."""
    print(f"\n{readers} readers")
    print("                   MB/s  of ceiling  CPU s/GB  memory MiB  descriptors left")
    for name in runs[0]:
        all_of = [run[name] for run in runs]
        rate = median(each.rate for each in all_of) / 1e6
        ratio = median(run[name].rate / run["ceiling"].rate for run in runs)
        cost = median(each.cost for each in all_of)
        memory = max(each.memory for each in all_of) / 2**20
        left = max(each.descriptors_left for each in all_of)
        print(
            f"  {name:11}{rate:10.0f}{ratio:12.2f}{cost:10.2f}{memory:12.0f}{left:18}"
        )
    ours = [run["lifeguard"] for run in runs]
    idle = median(each.idle_p99 for each in ours) * 1000
    busy = median(each.busy_p99 for each in ours) * 1000
    print(f"  lifeguard's /healthz, p99: {idle:.1f} ms idle, {busy:.1f} ms meanwhile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, nargs="+", default=[50, 2000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--nginx", default=shutil.which("nginx"))
    parser.add_argument("--ceiling", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ceiling:
        return serve_ceiling(options.ceiling)
    for readers in options.readers:
        runs = [
            run(options.nginx, readers, options.seconds) for _ in range(options.runs)
        ]
        show(readers, runs)


if __name__ == "__main__":
    main()
