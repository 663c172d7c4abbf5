"""`python -m benchmarks.tftp`: lifeguard, the floor and its peers, case by case.

All run on this machine, one after the other and again, so that what else it does hits
all of them; figures are medians. Every byte is compared with the file. Needs `cc` and
`taskset`; peers are those that are found (in.tftpd, atftpd, dnsmasq; fbtftp, tftpy,
py3tftp).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import defaultdict
from math import nan
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.lab import write_lab
from benchmarks.tftp.cases import CASES, FILES, STORM, Case
from benchmarks.tftp.http_clock import HttpClock, events
from benchmarks.tftp.servers import (
    HERE,
    HOST,
    LOADS_CORE,
    Running,
    Server,
    end_by_sigterm,
    lifeguard_of,
    servers,
)

FLOOR = "floor"
READY = Case("ready", boards=1, file="loader", block_size=0)
QUIET = 6.0

LONGEST = 75
"""Seconds; the load gives up by itself after 60."""

_HEAD = f"{'':12}{'done':>10} {'wrong':>5} {'MB/s':>7} {'CPU s/GB':>8}"
_HEAD += f" {'p50 s':>7} {'p99 s':>7} {'max s':>7} {'again':>6} {'CPU':>6} {'p99':>6}"


class Figures(NamedTuple):
    """What one run came to. `again` counts what clients had to send twice."""

    done: float
    wrong: float
    megabytes: float
    """A second."""
    cpu: float
    """The server's seconds for each gigabyte."""
    p50: float
    p99: float
    longest: float
    again: float


def compiled(work: Path, name: str) -> Path:
    """The C program of that name."""
    program = work / name
    source = str(HERE / f"{name}.c")
    subprocess.run(["cc", "-O2", "-o", str(program), source], check=True)
    return program


def measure(case: Case, server: Server, work: Path) -> Figures | None:
    """One run of one case; None: this server does not even give a small file."""
    root = work / "root"
    with Running(server, root, work / f"{server.name}.log") as running:
        if not _is_ready(running, work):
            return None
        before = running.cpu_seconds()
        done, wrong, received, seconds, p50, p99, longest, again = _load(
            case, running, work
        )
        used = running.cpu_seconds() - before
    gigabytes = received / 1e9
    cpu = used / gigabytes if gigabytes and not server.forks else nan
    speed = received / 1e6 / seconds
    return Figures(done, wrong, speed, cpu, p50, p99, longest, again)


def _is_ready(running: Running, work: Path) -> bool:
    return any(_load(READY, running, work)[0] for _ in range(3) if running.runs)


def _load(case: Case, running: Running, work: Path) -> list[float]:
    where = [HOST, str(running.server.port), case.file, str(work / "root" / case.file)]
    load = ["taskset", "--cpu-list", str(LOADS_CORE), str(work / "load")]
    command = running.from_there([*load, *where, *case.words])
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=LONGEST
    ).stdout
    return [float(word) for word in output.split()]


def http_beside(case: Case, floor: Server, runs: int, work: Path) -> str:
    """How a lab's events fare while the boards of this case boot.

    Against the same events in quiet seconds, and beside a storm that the floor serves
    on the same core: what that costs, the scheduler does, and no server could help.
    """
    states, root = ("ReimageInstalling",), work / "root"
    lab = write_lab(work / "lab", case.boards, states=states, root=root)
    measured = [_http_beside(case, lifeguard_of(lab), floor, work) for _ in range(runs)]
    quiet, control, storm = (
        median(figures) * 1000 for figures in zip(*measured, strict=True)
    )
    times = median(storm / quiet for quiet, _, storm in measured)
    return (
        f"events, p99: {quiet:.1f} ms quiet, {storm:.1f} ms beside {case.name},"
        f" {times:.1f} times; {control:.1f} ms when the floor serves them"
    )


def _http_beside(
    case: Case, server: Server, floor: Server, work: Path
) -> tuple[float, float, float]:
    """Seconds: quiet, beside the floor's storm, beside its own."""
    assert server.http is not None
    told = events(case.boards)
    with (
        Running(server, work / "root", work / f"{server.name}.log") as running,
        Running(floor, work / "root", work / f"{floor.name}.log") as other,
    ):
        if not (_is_ready(running, work) and _is_ready(other, work)):
            raise RuntimeError(f"{server.name} or {floor.name} does not answer")
        with HttpClock(HOST, server.http, told) as quiet:
            time.sleep(QUIET)
        with HttpClock(HOST, server.http, told) as control:
            _load(case, other, work)
        with HttpClock(HOST, server.http, told) as storm:
            _load(case, running, work)
    return quiet.p99, control.p99, storm.p99


def run(case: Case, all_servers: list[Server], runs: int, work: Path) -> None:
    """Measure a case and print its table."""
    measured: dict[str, list[Figures]] = defaultdict(list)
    silent = set()
    for number in range(runs):
        for server in all_servers:
            _progress(f"{case.name}: run {number + 1} of {runs}, {server.name}")
            if server.name in silent:
                continue
            if figures := measure(case, server, work):
                measured[server.name].append(figures)
            else:
                silent.add(server.name)
    _progress("")
    medians = {
        name: Figures(*map(median, zip(*figures, strict=True)))
        for name, figures in measured.items()
    }
    print(table(case, medians))
    for name in sorted(silent):
        print(f"{name:12}does not answer; see {work / name}.log")
    print(flush=True)


def table(case: Case, medians: dict[str, Figures]) -> str:
    """A line for each server; the last columns are ratios to the floor."""
    floor = medians.get(FLOOR)
    lines = [f"{case.name}: {case.boards} boards", _HEAD]
    for name, figures in medians.items():
        done = f"{figures.done:.0f}/{case.boards * case.times}"
        line = f"{name:12}{done:>10} {figures.wrong:5.0f} {figures.megabytes:7.1f}"
        line += f" {figures.cpu:8.2f} {figures.p50:7.3f} {figures.p99:7.3f}"
        line += f" {figures.longest:7.3f} {figures.again:6.0f}"
        if floor is not None:
            line += f" {figures.cpu / floor.cpu:6.2f} {figures.p99 / floor.p99:6.2f}"
        lines.append(line)
    return "\n".join(lines)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    names = [case.name for case in CASES]
    options = argparse.ArgumentParser(prog="python -m benchmarks.tftp")
    options.add_argument("--case", choices=names, action="append", help="default: all")
    options.add_argument("--only", action="append", help="servers; default: all found")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--http", action="store_true", help="only HTTP beside a storm")
    options.add_argument("--first-port", type=int, default=16900)
    said = options.parse_args()
    end_by_sigterm()
    with TemporaryDirectory(prefix="lifeguard-tftp-") as folder:
        work = Path(folder)
        (work / "root").mkdir()
        for name, size in FILES.items():
            (work / "root" / name).write_bytes(os.urandom(size))
        for name in ("load", FLOOR):
            compiled(work, name)
        found = servers(work, said.first_port)
        chosen = [one for one in found if not said.only or one.name in said.only]
        for case in CASES:
            if not said.http and (not said.case or case.name in said.case):
                run(case, chosen, said.runs, work)
        [floor] = (one for one in found if one.name == FLOOR)
        if said.http or not (said.case or said.only):
            print(http_beside(STORM, floor, said.runs, work))


if __name__ == "__main__":
    main()
