"""The text of a configuration that manages a simulated lab: pure, no files.

All paths are relative, so the directory can be moved. Times are as short as the
boards are quick.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lifeguard.simulator.plan import PlannedBoard
    from lifeguard.simulator.ports import Ports

DATABASE = "sqlite:///lifeguard.sqlite"
"""In the daemon's own directory."""

IMAGES = {"debian": "installer", "self-test": "self-test", "maintenance": "maintenance"}
"""Each image, and what its kernel is."""

DUD = "dud"
"""What the kernel of an image is that never comes up."""

TEMPLATE = """\
# {{ board.name }} boots {{ image.name }}
default lifeguard
label lifeguard
  kernel {{ image.name }}/kernel
  initrd {{ image.name }}/initrd
  append console=ttyS0 {{ cmdline }}
"""

_SETTINGS = """\
# Written by lifeguard.simulator, and again at its next start.
[server]
name = "simulated"
url = "http://127.0.0.1:{ports.http}"
database = {database}

[http]
listen = "tcp:{ports.http}:interface=127.0.0.1"

[tftp]
mode = "serve"
address = "127.0.0.1"
port = {ports.tftp}
root = "tftp"

[health]
every = 5
retry = 1
misses = 3
timeout = 2

[manhole]  # ssh -i manhole_key -p {ports.manhole} 127.0.0.1
listen = "tcp:{ports.manhole}:interface=127.0.0.1"
authorized_keys = "authorized_keys"
"""

_TIMEOUTS = {
    "RebootRebooting": 5,
    "RebootComplete": 5,
    "ReimageRebooting": 5,
    "ReimageBooting": 4,
    "ReimageInstalling": 6,
    "ReimageComplete": 5,
    "SelfTestRebooting": 5,
    "SelfTestBooting": 4,
    "SelfTestRunning": 6,
    "MaintenanceRebooting": 5,
    "MaintenanceBooting": 4,
    "PoweringOff": 5,
}

_HARDWARE = """\
[hardware.sim]
health = ["tcp:{ports.service}"]
"""

_STATE = """\
[hardware.sim.states.{state}]
timeout = {timeout}
"""

_RELAY_BOARD = """\
[relay_boards.{name}]
driver = "proxr"
address = "127.0.0.1:{port}"
off_seconds = 0.2
"""

_IMAGE = """\
[images.{name}]
{role}[images.{name}.boot.sim]
loader = "pxelinux"
template = "templates/netboot.cfg.j2"
"""

_BOARD = """\
[boards.{board.name}]
mac = "{board.mac}"
address = "{board.address}"
hardware = "sim"
power = "{board.relay_board}/{board.bank}/{board.relay}"
"""


def settings_text(ports: Ports, database: str) -> str:
    """`lifeguard.toml`; `database` is a URL, written as TOML and JSON both quote it."""
    quoted = json.dumps(database, ensure_ascii=False)
    return _SETTINGS.format(ports=ports, database=quoted)


def inventory_text(
    boards: Sequence[PlannedBoard],
    relay_ports: Mapping[str, int],
    ports: Ports,
    images: Mapping[str, str] = IMAGES,
) -> str:
    """`boards.toml`; `relay_ports` by the name of the relay board."""
    return "\n".join(
        [
            *(
                _RELAY_BOARD.format(name=name, port=port)
                for name, port in relay_ports.items()
            ),
            _HARDWARE.format(ports=ports),
            *(
                _STATE.format(state=state, timeout=timeout)
                for state, timeout in _TIMEOUTS.items()
            ),
            *(_image(name, kind) for name, kind in images.items()),
            *(_BOARD.format(board=board) for board in boards),
        ]
    )


def _image(name: str, kind: str) -> str:
    role = "" if kind in ("installer", DUD) else f'role = "{kind}"\n'
    return _IMAGE.format(name=name, role=role)
