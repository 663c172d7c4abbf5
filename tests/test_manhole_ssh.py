"""The shell as a person meets it: by OpenSSH's own client, over TCP on 127.0.0.1."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.protocols.policies import WrappingFactory

from lifeguard.manhole import manhole_factory
from tests.log_lines import log_lines
from tests.rig import Rig, rig

pytestmark = pytest.mark.system

SECONDS = 30.0
"""The longest that one run of `ssh` may take."""

SSH = shutil.which("ssh") or "ssh"

REBOOT = 'board("panda-01").reboot()'


@dataclass
class Client:
    """OpenSSH's client, with keys and known hosts of its own."""

    directory: Path
    port: int

    def arguments(self, key: str, user: str, *rest: str) -> list[str]:
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            "LogLevel": "ERROR",
        }
        said = [f"-o{name}={value}" for name, value in options.items()]
        where = ["-p", str(self.port), f"{user}@127.0.0.1"]
        return ["-F", "none", *said, "-i", str(self.directory / key), *where, *rest]

    def spawn(self, *arguments: str) -> ProcessProtocol:
        """A run of `ssh` that can be killed."""
        process = ProcessProtocol()
        command = [SSH, *self.arguments(*arguments)]
        reactor.spawnProcess(process, SSH, command)  # type: ignore[attr-defined]
        return process

    async def run(
        self, key: str, user: str, *rest: str, types: bytes | None = None
    ) -> tuple[str, str, int]:
        """What `ssh` prints, what it complains of, and how it exits."""
        running: Deferred[tuple[bytes, bytes, int]] = getProcessOutputAndValue(
            SSH,
            self.arguments(key, user, *rest),
            stdinBytes=types,
            reactor=reactor,
        )
        running.addTimeout(SECONDS, reactor)  # type: ignore[arg-type]
        output, errors, status = await running
        return output.decode(), errors.decode(), status


@dataclass
class Manhole:
    """A manhole at work; alice's ed25519 key and bob's RSA key are listed."""

    parts: Rig
    client: Client
    connections: dict[Any, Any]
    lines: list[str]


@asynccontextmanager
async def manhole(directory: Path) -> AsyncIterator[Manhole]:
    for kind, who in (("ed25519", "alice"), ("rsa", "bob"), ("ed25519", "mallory")):
        make = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{who}@laptop"]
        run([*make, "-f", str(directory / who)], check=True, timeout=SECONDS)
    listed = directory / "authorized_keys"
    listed.write_bytes(
        b"".join((directory / f"{who}.pub").read_bytes() for who in ("alice", "bob"))
    )
    parts = rig()
    factory = WrappingFactory(
        manhole_factory(
            parts.fleet,
            reactor,
            parts.service_time,
            directory,
            listed,
        )
    )
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await endpoint.listen(factory)
    try:
        with log_lines("manhole.session", "manhole.login") as lines:
            client = Client(directory, port.getHost().port)
            yield Manhole(parts, client, factory.protocols, lines)
    finally:
        await port.stopListening()
        await until(lambda: not factory.protocols)


async def until(true: Callable[[], bool]) -> None:
    """What OpenSSH does next can only be waited for."""
    for _ in range(round(SECONDS / 0.01)):
        if true():
            return
        await deferLater(reactor, 0.01)
    pytest.fail("waited for too long")


@ensureDeferred
async def test_ed25519_and_rsa_keys_open_the_same_lab(tmp_path: Path) -> None:
    async with manhole(tmp_path) as at:
        assert await at.client.run("alice", "alice", REBOOT) == (
            "panda-01: RebootRebooting, generation 1\n",
            "",
            0,
        )
        change = 'board("panda-01").change("RebootRebooting", "Troubleshooting")'
        assert await at.client.run("bob", "bob", change) == (
            "panda-01: Troubleshooting, generation 1\n",
            "",
            0,
        )
        assert [(row.event, row.source) for row in at.parts.store.rows] == [
            ("rq-reboot", "manhole alice"),
            ("set-state", "manhole bob"),
        ]
        typed = [line for line in at.lines if " typed " in line]
        assert [line.split(":")[0] for line in typed] == [
            "alice (alice@laptop) at 127.0.0.1",
            "bob (bob@laptop) at 127.0.0.1",
        ]
        assert typed[0].endswith(f"typed {REBOOT!r}")
        assert typed[1].endswith(f"typed {change!r}")


@ensureDeferred
async def test_nobody_else_gets_in(tmp_path: Path) -> None:
    async with manhole(tmp_path) as at:
        denied = "alice@127.0.0.1: Permission denied (publickey).\r\n"
        assert await at.client.run("mallory", "alice", REBOOT) == ("", denied, 255)
        password = "-oPreferredAuthentications=password,keyboard-interactive"
        answer = await at.client.run("alice", "alice", password, REBOOT)
        assert answer == ("", denied, 255)
        assert at.parts.store.rows == []
        [refusal] = at.lines
        assert refusal.startswith("login of 'alice' with SHA256:")
        assert refusal.endswith(" refused: Key not authorized")


@ensureDeferred
async def test_what_goes_wrong_is_told_apart_from_results(tmp_path: Path) -> None:
    async with manhole(tmp_path) as at:
        assert await at.client.run("alice", "alice", "board('x')") == (
            "",
            "not done: no such board: x\n",
            1,
        )
        output, errors, status = await at.client.run("alice", "alice")
        assert (output, status) == ("", 1)
        assert errors.endswith(
            "a shell needs a terminal; a script says ssh HOST 'boards()'\n"
        )


@ensureDeferred
async def test_a_shell_is_typed_into_and_left_by_ctrl_d(tmp_path: Path) -> None:
    async with manhole(tmp_path) as at:
        keys = f"{REBOOT}\r\x04never_run()\r".encode()
        answer = await at.client.run("bob", "bob", "-tt", types=keys)
        output, errors, status = answer
        assert (errors, status) == ("", 0)
        assert f">>> {REBOOT}\r\npanda-01: RebootRebooting, generation 1\r\n" in output
        assert [line.partition(" typed ")[2] for line in at.lines[1:]] == [repr(REBOOT)]


@ensureDeferred
async def test_both_host_keys_are_shown(tmp_path: Path) -> None:
    async with manhole(tmp_path) as at:
        for kind in ("ssh-ed25519", "rsa-sha2-512"):
            only = f"-oHostKeyAlgorithms={kind}"
            (tmp_path / "known_hosts").unlink(missing_ok=True)
            assert await at.client.run("alice", "alice", only, "1") == ("1\n", "", 0)


@ensureDeferred
async def test_a_request_goes_on_when_its_person_has_gone(tmp_path: Path) -> None:
    async with manhole(tmp_path) as at:
        at.parts.store.holds = True
        process = at.client.spawn("alice", "alice", REBOOT)
        await until(lambda: bool(at.parts.store.held))
        process.transport.signalProcess("KILL")  # type: ignore[union-attr]
        await until(lambda: not at.connections)
        at.parts.store.held.pop()()
        assert at.parts.state() == "RebootRebooting"
