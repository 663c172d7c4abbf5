"""What lies in etc/systemd: systemd takes it, and lifeguard lives under its rules."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from tests.process_lab import LIMIT, Child, child_of, process_lab

from .debian import program

pytestmark = pytest.mark.system

SYSTEMD = Path(__file__).parents[2] / "etc" / "systemd"
UNIT = SYSTEMD / "lifeguard.service"
CAP_NET_BIND_SERVICE, CAP_NET_RAW = 10, 13
EXPOSURE = 1.7
"""As systemd 252 counts it, from 0 to 10: what is left is what lifeguard is for."""

_REFUSE_TO_RUN_WHAT_WAS_WRITTEN = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""MemoryDenyWriteExecute, as the kernel has it since 6.3."""


def setting(name: str) -> list[str]:
    """All values of a setting of the unit, in order."""
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


def as_the_unit(*command: str | Path, capabilities: str | None = None) -> list[str]:
    """The command with the unit's capabilities and no other.

    The user stays, who may be the only one to read this checkout: it is capabilities
    that the kernel asks for, and root without them is a user like any other.
    """
    if capabilities is None:
        [capabilities] = setting("AmbientCapabilities")
    given = ["-all", *re.findall(r"CAP_(\w+)", capabilities)]
    each = ",+".join(given).lower()
    return [
        *(program("setpriv", "util-linux"), "--no-new-privs", "--clear-groups"),
        *(f"--bounding-set={each}", f"--inh-caps={each}", f"--ambient-caps={each}"),
        *map(str, command),
    ]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it is when this checkout is installed where the unit says."""
    twistd = str(Path(sys.executable).with_name("twistd"))
    text = UNIT.read_text().replace("/opt/lifeguard/bin/twistd", twistd)
    (tmp_path / UNIT.name).write_text(text)
    return tmp_path / UNIT.name


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_has_nothing_to_say_against_the_unit(unit: Path) -> None:
    assert run(program("systemd-analyze", "systemd"), "verify", unit) == ""


def test_a_drop_in_is_taken_with_everything_on(unit: Path) -> None:
    drop_in = (SYSTEMD / "devices.conf").read_text()
    beside = unit.with_name(f"{unit.name}.d")
    beside.mkdir()
    (beside / "devices.conf").write_text(re.sub(r"(?m)^#(?=\S)", "", drop_in))
    assert run(program("systemd-analyze", "systemd"), "verify", unit) == ""


def test_the_unit_is_no_more_exposed_than_it_was(unit: Path) -> None:
    run(
        *(program("systemd-analyze", "systemd"), "security", "--offline=yes"),
        *(f"--threshold={EXPOSURE * 10:.0f}", "--no-pager", unit),
    )


def test_a_user_and_its_directories_are_made(tmp_path: Path) -> None:
    root = f"--root={tmp_path}"
    (tmp_path / "etc").mkdir()
    run(program("systemd-sysusers", "systemd"), root, SYSTEMD / "sysusers.conf")
    run(
        *(program("systemd-tmpfiles", "systemd"), "--create", root),
        SYSTEMD / "tmpfiles.conf",
    )
    [user] = re.findall(
        r"(?m)^lifeguard:x:\d+:(\d+):", (tmp_path / "etc/passwd").read_text()
    )
    made = (tmp_path / "etc/lifeguard").stat()
    assert (made.st_gid, made.st_mode & 0o777) == (int(user), 0o750)
    assert (tmp_path / "srv/tftp").stat().st_mode & 0o777 == 0o755


def test_port_69_is_open_without_root(tmp_path: Path) -> None:
    """And port 80, which some UEFIs want; those of the proxyDHCP are as good."""
    (tmp_path / "lifeguard.toml").write_text(
        '[http]\nlisten = "tcp:80:interface=127.0.0.69"\n'
        '[tftp]\naddress = "127.0.0.69"\n'
    )
    with daemon_of_the_unit(tmp_path) as daemon:
        daemon.wait_for("http listens on")
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        [held] = re.findall(r"CapEff:\s*(\w+)", status)
        assert int(held, 16) == 1 << CAP_NET_BIND_SERVICE | 1 << CAP_NET_RAW
        assert asked_for("nothing") == b"\x00\x05\x00\x01"


def test_without_the_capability_it_says_in_a_line_why_not(tmp_path: Path) -> None:
    (tmp_path / "lifeguard.toml").write_text('[tftp]\naddress = "127.0.0.69"\n')
    with daemon_of_the_unit(tmp_path, capabilities="") as daemon:
        assert daemon.leave() == 1
    [said] = [line for line in daemon.lines if "#critical" in line]
    assert "tftp: " in said
    assert "Permission denied" in said


@contextmanager
def daemon_of_the_unit(
    directory: Path, capabilities: str | None = None, before: Sequence[str] = ()
) -> Iterator[Child]:
    daemon = Child(
        *("-c", _REFUSE_TO_RUN_WHAT_WAS_WRITTEN),
        *as_the_unit(
            *before,
            Path(sys.executable).with_name("twistd"),
            *("--nodaemon", "--pidfile=", "lifeguard"),
            *("--config", directory / "lifeguard.toml", "--state-dir", directory),
            capabilities=capabilities,
        ),
    )
    try:
        yield daemon
    finally:
        daemon.end(SIGKILL)


def asked_for(name: str) -> bytes:
    """How the answer to a request for that file begins: here, with "not found"."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT)
        client.sendto(b"\0\1%s\0octet\0" % name.encode(), ("127.0.0.69", 69))
        return client.recv(4)


_ECHO = "from lifeguard.health.pinger import *; print(open_echo_socket().is_raw)"
RANGE = Path("/proc/sys/net/ipv4/ping_group_range")


@pytest.fixture
def ping_group_range() -> Iterator[Path]:
    before = RANGE.read_text()
    yield RANGE
    RANGE.write_text(before)


def test_boards_are_pinged_by_capability_or_where_the_group_may(
    ping_group_range: Path,
) -> None:
    ping = (sys.executable, "-c", _ECHO)
    ping_group_range.write_text("1 0")  # nobody, which is how kernels begin
    assert run(*as_the_unit(*ping)) == "True\n"
    with pytest.raises(AssertionError, match="PermissionError"):
        run(*as_the_unit(*ping, capabilities=""))
    ping_group_range.write_text("0 2147483647")  # everybody, as systemd has it
    assert run(*as_the_unit(*ping, capabilities="")) == "False\n"


def test_a_lab_at_work_makes_only_the_calls_that_the_unit_allows(
    tmp_path: Path,
) -> None:
    with process_lab(tmp_path, "--boards", "3") as lab:
        calls = tmp_path / "calls"
        strace = (program("strace", "strace"), "--follow-forks", "--summary-only")
        by_name = ("--summary-columns=name", f"--output={calls}")
        with daemon_of_the_unit(tmp_path, before=(*strace, *by_name)) as daemon:
            lab.daemon = daemon
            daemon.wait_for("http listens on")
            lab.reimage_all()
            lab.wait_until_all("Ready")
            os.kill(child_of(daemon.process.pid), SIGTERM)
            daemon.leave()
    made = set(re.findall(r"(?m)^(\w+)$", calls.read_text())) - {"syscall", "total"}
    assert {"epoll_wait", "sendto", "fdatasync"} <= made
    # SQLite, when it is root, and no matter when it is refused.
    assert made - allowed() <= {"fchown"}


def allowed() -> set[str]:
    """The calls that are left of the unit's filters, which come one after the other."""
    found: set[str] = set()
    for value in setting("SystemCallFilter"):
        if value.startswith("~"):
            found -= calls_of(value[1:])
        else:
            found |= calls_of(value)
    return found


def calls_of(group: str) -> set[str]:
    """A group of systemd's, with those that are in it."""
    said = run(program("systemd-analyze", "systemd"), "syscall-filter", group)
    each = {line.strip() for line in said.splitlines() if line.startswith("    ")}
    groups = {name for name in each if name.startswith("@")}
    return (each - groups).union(*map(calls_of, groups))
