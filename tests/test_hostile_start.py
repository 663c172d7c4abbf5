"""What a person gets wrong before the daemon runs: a line for each mistake.

`twistd` is started as that person would, and must end by itself.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from lifeguard.simulator.ports import choose_ports
from tests.hostile_lab import HERE
from tests.process_lab import LIMIT, REPOSITORY
from tests.test_config import BROKEN, write

pytestmark = pytest.mark.system

TWISTD = Path(sys.executable).with_name("twistd")
AT_ONCE = 3


CONFIG = ("--config", "lifeguard.toml")

SETTINGS = """
[server]
database = "{database}"
[http]
listen = "tcp:{http}:interface=127.0.0.1"
[tftp]
address = "127.0.0.1"
port = {tftp}
[manhole]
listen = "tcp:{manhole}:interface=127.0.0.1"
authorized_keys = "keys"
"""

_FAULT = re.compile("Traceback|Unhandled")


class Ending(NamedTuple):
    """How a process ended, and what it said on both its outputs."""

    status: int
    output: str
    errors: str


def write_working(folder: Path, **other: str | int) -> None:
    """A configuration that works, but for what is to be other."""
    folder.mkdir(exist_ok=True)
    ports = choose_ports(0, 0)
    values = {"database": "sqlite:///lifeguard.sqlite", **structs.asdict(ports)}
    (folder / "lifeguard.toml").write_text(SETTINGS.format(**values | other))


def run(folder: Path, *arguments: str | Path) -> Ending:
    """`twistd lifeguard ARGUMENTS` in that folder, until it ends by itself."""
    done = subprocess.run(
        [TWISTD, "--nodaemon", "--pidfile=", "lifeguard", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Ending(done.returncode, done.stdout, done.stderr)


def run_all(commands: Iterable[tuple[Path, Sequence[str]]]) -> list[Ending]:
    """`run` each folder with its arguments, some of them at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda command: run(command[0], *command[1]), commands))


def refused(*lines: str) -> Ending:
    """What is said before there is a log."""
    return Ending(1, "", "".join(f"{line}\n" for line in lines))


def last_words(ending: Ending) -> list[str]:
    """What a log says of why the daemon could not start; else all that was said."""
    if ending.status != 1 or ending.errors or _FAULT.search(ending.output):
        return [str(ending)]
    return re.findall(r"#critical\] (.*)", ending.output)


def test_each_broken_configuration_is_a_line_for_each_mistake(tmp_path: Path) -> None:
    # Every second will do: a process takes a while, and `test_config` has them all.
    table = BROKEN[::2]
    assert len(table) > 20
    folders = [tmp_path / str(number) for number in range(len(table))]
    for folder, (_, file, old, new, _) in zip(folders, table, strict=True):
        folder.mkdir()
        write(folder)
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace(old, new))
    endings = run_all((folder, CONFIG) for folder in folders)
    names = [row[0] for row in table]
    assert dict(zip(names, endings, strict=True)) == {
        name: refused(*lines) for name, *_, lines in table
    }


def test_options_that_contradict_each_other_are_one_line(tmp_path: Path) -> None:
    one_or_other = "lifeguard: say either --config FILE or --demo"
    lines = {
        "": one_or_other,
        "--demo --config lifeguard.toml": one_or_other,
        "--once --config lifeguard.toml": "lifeguard: --once goes with --demo",
        "--demo --boards 0": "lifeguard: --boards takes a number from 1 to 1000",
        "--demo --http unix:socket": "lifeguard: the demo's boards need a tcp endpoint,"
        " not unix:socket",
        "--config nowhere.toml": "nowhere.toml: No such file or directory",
    }
    write(tmp_path)
    endings = run_all((tmp_path, options.split()) for options in lines)
    assert dict(zip(lines, endings, strict=True)) == {
        options: refused(line) for options, line in lines.items()
    }


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    taken = choose_ports(0, 0).http
    where = f"Couldn't listen on {HERE}:{taken}: [Errno 98] Address already in use."
    cannot = f"cannot listen on tcp:{taken}:interface={HERE}: {where}"
    lines = {
        "http": f"http.listen: {cannot}",
        "tftp": f"tftp: {where}",
        "manhole": f"manhole.listen: {cannot}",
    }
    folders = [tmp_path / name for name in lines]
    for folder in folders:
        write_working(folder, **{folder.name: taken})
    with ExitStack() as held:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            holder = held.enter_context(socket.socket(socket.AF_INET, kind))
            holder.bind((HERE, taken))
            if kind == socket.SOCK_STREAM:
                holder.listen()
        endings = run_all((folder, CONFIG) for folder in folders)
    assert dict(zip(lines, map(last_words, endings), strict=True)) == {
        name: [line] for name, line in lines.items()
    }


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    reasons = {
        "garbage": "file is not a database",
        "directory": "unable to open database file",
        "nowhere/lab.sqlite": "unable to open database file",
    }
    write_working(tmp_path)
    (tmp_path / "garbage").write_bytes(b"no database at all " * 100)
    (tmp_path / "directory").mkdir()
    commands = []
    for number, database in enumerate(reasons):
        folder = tmp_path / str(number)
        write_working(folder, database=f"sqlite:///{tmp_path}/{database}")
        commands.append((folder, CONFIG))
    endings = run_all(commands)
    assert dict(zip(reasons, map(last_words, endings), strict=True)) == {
        database: [f"database sqlite:///{tmp_path}/{database}: {reason}"]
        for database, reason in reasons.items()
    }


def test_a_state_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    write_working(tmp_path, database=f"sqlite:///{tmp_path}/lab.sqlite")
    file = tmp_path / "file"
    file.touch()
    # Nobody can make a file in /proc, not even root.
    below_file, below_proc, proc = run_all(
        (tmp_path, [*CONFIG, "--state-dir", directory])
        for directory in (f"{file}/state", "/proc/state", "/proc")
    )
    assert below_file == refused(
        f"lifeguard: [Errno 20] Not a directory: '{file}/state'"
    )
    assert below_proc == refused(
        "lifeguard: [Errno 2] No such file or directory: '/proc/state'"
    )
    (line,) = last_words(proc)
    assert line.startswith("[Errno 2] No such file or directory: '/proc/operator.")
