"""The example of a virtual lab, as its reader would start it, and lifeguard killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from lifeguard.power.detached import Detached

from .child import Child
from .daemon import REPOSITORY, Daemon
from .lab import show_logs
from .test_real_board import REIMAGE

pytestmark = [pytest.mark.system, pytest.mark.guests]

RUN = REPOSITORY / "etc" / "qemu-lab" / "run"
REBOOT = [
    ("rq-reboot", "RebootRebooting"),
    ("power-cycle-ok", "RebootComplete"),
    ("image-running", "Ready"),
]
PORT = 8390
"""As the example has it."""


@ensureDeferred
async def test_a_virtual_board_is_installed_and_outlives_a_killed_daemon(
    tmp_path: Path,
) -> None:
    try:
        await run_example(tmp_path)
        assert pc(tmp_path).number is None

        daemon = Daemon(reactor, tmp_path, PORT, "pc-01")
        await daemon.ready()
        await daemon.request("rq-reboot", {})
        await daemon.board_moves(REIMAGE + REBOOT, seconds=120)
        number = pc(tmp_path).number
        await daemon.kill()
        assert pc(tmp_path).number == number is not None

        daemon = Daemon(reactor, tmp_path, PORT, "pc-01")
        await daemon.ready()
        await daemon.board_moves(REIMAGE + REBOOT, seconds=10)
        assert pc(tmp_path).number == number
        await daemon.request("rq-reboot", {})
        await daemon.board_moves(REIMAGE + REBOOT * 2, seconds=120)
        assert pc(tmp_path).number not in (number, None)
        await daemon.stop()
    finally:
        show_logs(tmp_path)
        await pc(tmp_path).end(reactor.seconds() + 10)  # type: ignore[attr-defined]


async def run_example(directory: Path) -> None:
    """Until the board is Ready; then everything has ended."""
    twistd = str(Path(sys.executable).with_name("twistd"))
    child = Child(
        reactor,
        [str(RUN), str(directory), "--once"],
        directory / "run.log",
        {**os.environ, "TWISTD": twistd},
    )
    impatience = reactor.callLater(300, child.signal, "TERM")  # type: ignore[attr-defined]
    await child.ended
    if impatience.active():
        impatience.cancel()
    said = (directory / "run.log").read_text().splitlines()
    assert said[-1] == "pc-01: Ready", said


def pc(directory: Path) -> Detached:
    return Detached(reactor, directory / "qemu" / "virtual" / "pc-01")
