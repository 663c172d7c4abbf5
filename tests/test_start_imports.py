"""What a start does not import: each part costs a lab some hundredths of a second."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_START = """
import sys
from twisted.plugins.lifeguard_plugin import lifeguard
options = lifeguard.options()
options.parseOptions(["--config", sys.argv[1]])
from twisted.internet import reactor
daemon = lifeguard.makeService(options)
daemon.started.addCallback(lambda _: print(*sys.modules))
daemon.started.addCallback(lambda _: reactor.callLater(0, reactor.stop))
reactor.callWhenRunning(daemon.startService)
reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
reactor.run()
"""

_SETTINGS = """
[http]
listen = "tcp:0:interface=127.0.0.1"
[tftp]
mode = "symlinks"
directory = "links"
"""

_BOARDS = """
[relay_boards.rack1]
driver = "proxr"
address = "127.0.0.1:1"
[hardware.panda]
health = []
[boards.panda-01]
mac = "02:00:00:00:00:01"
hardware = "panda"
power = "rack1/1/1"
"""


def imported_at_a_start(directory: Path) -> set[str]:
    """The modules of a daemon that has started with that configuration."""
    command = [sys.executable, "-c", _START, directory / "lifeguard.toml"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60)
    return set(done.stdout.decode().split())


def test_a_start_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "lifeguard.toml").write_text(_SETTINGS)
    (tmp_path / "boards.toml").write_text(_BOARDS)
    assert "alembic" in imported_at_a_start(tmp_path)  # the first one makes the tables
    modules = imported_at_a_start(tmp_path)
    needless = {
        "alembic",
        "click",
        "lifeguard.alerts.mail",
        "lifeguard.alerts.webhook",
        "lifeguard.cli",
        "lifeguard.manhole",
        "lifeguard.simulator",
        "prometheus_client",
        "psycopg",
        "rich",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.orm",
        "tomllib",
        "twisted.conch",
        "twisted.mail",
    }
    drivers = {each for each in modules if each.startswith("lifeguard.power.drivers.")}
    assert modules & needless == set()
    assert drivers == {"lifeguard.power.drivers.proxr"}
