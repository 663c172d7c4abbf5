"""What the documents show, where it takes a daemon or a program of others.

The daemon is real; its one board is a name whose power is switched by `true`, and the
directories of a real machine are below a test's own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.documents import REPOSITORY, SHELL, Block, elsewhere, every_block
from tests.process_lab import LIMIT, Child, Process, twistd, until

from .debian import program

pytestmark = pytest.mark.system

MINE = [
    block
    for block in every_block(*SHELL)
    if block.remark == f"run by {Path(__file__).relative_to(REPOSITORY)}"
]
DEMO = [block for block in MINE if "make demo" in block.script]
WITH_A_DAEMON = [block for block in MINE if block not in DEMO]

MADE_LIMIT = 300.0
"""Seconds: `make` may first have to make the virtual environment."""

BOARD, ADDRESS, MAC = "sim-01", "127.0.0.77", "02-00-00-00-00-01"

_SETTINGS = """
[server]
url = "http://127.0.0.1:{port}"
[http]
listen = "tcp:{port}:interface=127.0.0.1"
[tftp]
mode = "symlinks"
directory = "links"
"""

_BOARDS = f"""
[relay_boards.rack1]
driver = "exec"
on = ["true"]
off = ["true"]
off_seconds = 0.1
[hardware.sim]
health = []
[images.debian.boot.sim]
loader = "pxelinux"
template = "boot.j2"
[boards.{BOARD}]
mac = "{MAC}"
address = "{ADDRESS}"
hardware = "sim"
power = "rack1/1"
"""

_CODES = r"""
curl() {
    command curl --silent --output /dev/null --write-out '%{http_code}\n' \
        --max-time 3 "$@" || [ $? = 28 ] # a stream goes on for ever
}
"""


class Lab:
    """A daemon, and a place for all that its machine has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        state = root / "var" / "lib" / "lifeguard"
        for directory in (
            state,
            root / "links",
            root / "var/backups",
            root / "srv/tftp",
        ):
            directory.mkdir(parents=True, exist_ok=True)
        port = self.url.rpartition(":")[2]
        (root / "lifeguard.toml").write_text(_SETTINGS.format(port=port))
        (root / "boards.toml").write_text(_BOARDS)
        (root / "boot.j2").write_text("append {{ cmdline }}\n")
        (root / "wgetrc").write_text(f"bind_address = {ADDRESS}\n")
        self.daemon: Child = twistd(
            "--config", root / "lifeguard.toml", "--state-dir", state
        )
        self.daemon.wait_for("http listens on")

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/api/v1{path}", data, LIMIT) as said:
            return json.load(said)

    def bring_to(self, event: str, state: str, **body: Any) -> None:
        """Request something of the board, and wait for what comes of it."""
        self.ask(f"/boards/{BOARD}/events/{event}", body)
        until(lambda: self.ask(f"/boards/{BOARD}")["state"] == state)

    def token(self) -> str:
        """As the board finds it in what it boots."""
        text = self.run(f"wget -q -O - {self.url}/files/pxelinux.cfg/01-{MAC}")
        return re.findall(r"lifeguard\.token=(\S+)", text)[0]

    def run(self, script: str, **variables: str) -> str:
        """What it prints; no command of it may fail."""
        there = elsewhere(script, self.root).replace("http://127.0.0.1:8080", self.url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", there],
            cwd=self.root,
            env={**os.environ, **variables, "WGETRC": str(self.root / "wgetrc")},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 0, there + done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.daemon.end(9)


@pytest.mark.parametrize("block", WITH_A_DAEMON, ids=str)
def test_a_command_does_what_it_shows_while_a_daemon_is_there(
    block: Block, lab: Lab
) -> None:
    words = block.script.split()
    if "curl" in words:
        codes = lab.run(_CODES + block.script).split()
        assert set(codes) <= {"200", "409"}, codes
    elif "wget" in words:
        assert reported(block, lab) != ""
    else:
        assert re.fullmatch(r"|ok\n\w+\|1\n", lab.run(block.script))


def reported(block: Block, lab: Lab) -> str:
    """What the board is answered, which is at the point where it reports so."""
    url = f"{lab.url}/api/v1/boards/{BOARD}/events"
    if "token" not in block.script:
        lab.bring_to("rq-reboot", "RebootComplete")
        return lab.run(block.script, url=url)
    lab.bring_to("rq-reimage", "ReimageBooting", image="debian")
    return lab.run(block.script, url=url, token=lab.token())


def test_the_two_commands_of_the_readme_do_what_it_shows() -> None:
    """Until Ctrl-C; `make test` is what CI begins with."""
    transcript, commands = DEMO
    assert [line.split()[:2] for line in commands.script.splitlines()] == [
        ["make", "demo"],
        ["make", "test"],
    ]
    assert "\nmake test\n" in (REPOSITORY / ".ci/run").read_text()
    demo = Process("make", "demo", environment=os.environ)
    try:
        for line in transcript.text.splitlines()[1:4]:
            demo.wait_for(re.split(r"/tmp|8080|\d{5}", line)[0], MADE_LIMIT)
        demo.wait_for("all 12 boards are Ready after ")
    finally:
        os.killpg(demo.process.pid, signal.SIGINT)
        demo.leave()
    assert any("Server Shut Down." in line for line in demo.lines)


@pytest.mark.parametrize("block", every_block("dnsmasq"), ids=str)
def test_dnsmasq_takes_what_is_shown_for_it(block: Block, tmp_path: Path) -> None:
    (tmp_path / "dnsmasq.conf").write_text(block.text)
    dnsmasq = program("dnsmasq", "dnsmasq-base")
    done = subprocess.run(
        [dnsmasq, "--test", f"--conf-file={tmp_path / 'dnsmasq.conf'}"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "dnsmasq: syntax check OK.\n")
