"""What the documents show, where it takes a daemon or a machine to install on.

The daemon is real; its one board is a name whose power is switched by `true`, and the
directories of a real machine are below a test's own.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.documents import REPOSITORY, SHELL, Block, elsewhere, every_block
from tests.process_lab import LIMIT, Child, twistd, until

from .debian import program

pytestmark = pytest.mark.system

MINE = [
    block
    for block in every_block(*SHELL)
    if block.remark == f"run by {Path(__file__).relative_to(REPOSITORY)}"
]
INSTALLS = [block for block in MINE if "/opt/lifeguard/" in block.text]
WITH_A_DAEMON = [block for block in MINE if block not in INSTALLS]

INSTALL_LIMIT = 600.0
"""Seconds: all that lifeguard needs is fetched, and lifeguard is built twice."""

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


def test_lifeguard_is_installed_and_upgraded_as_the_documents_say(
    tmp_path: Path,
) -> None:
    """In the order of the pages: first the installation, then the upgrade."""
    in_order = sorted(INSTALLS, key=lambda block: "upgrade" in block.script)
    assert [block.document.name for block in in_order] == ["start.md", "operations.md"]
    (tmp_path / "usr" / "local" / "bin").mkdir(parents=True)
    configuration = tmp_path / "etc" / "lifeguard" / "lifeguard.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text('[tftp]\nmode = "symlinks"\ndirectory = "."\n')
    script = "\n".join([_HERE, *(f"({block.script})" for block in in_order)])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", elsewhere(script, tmp_path)],
        cwd=tmp_path,
        env={
            **os.environ,
            "ROOT": str(tmp_path),
            "CHECKOUT": str(REPOSITORY),
            "PIP_NO_COMPILE": "1",
            "PIP_QUIET": "1",
        },
        capture_output=True,
        text=True,
        timeout=INSTALL_LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == (
        f"{configuration}: no mistakes; 0 boards, 0 relay boards, 0 images"
    )
    [plugins] = tmp_path.glob("opt/lifeguard/lib/*/site-packages/twisted/plugins")
    assert b"lifeguard" in (plugins / "dropin.cache").read_bytes()
    assert (tmp_path / "usr/local/bin/lifeguard").exists()
    assert (tmp_path / "srv" / "tftp").is_dir()


_HERE = r"""
git clone --quiet "$CHECKOUT" "$ROOT/source"
git -C "$ROOT/source" checkout --quiet -B main
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.$ROOT/source.insteadOf"
export GIT_CONFIG_VALUE_0=https://git.example.org/lifeguard.git
systemd-sysusers() { command systemd-sysusers --root="$ROOT" "$@"; }
systemd-tmpfiles() { command systemd-tmpfiles --root="$ROOT" "$@"; }
"""
"""The repository is what is committed here; user and directories are the test's own."""


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
