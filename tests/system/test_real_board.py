"""The whole of lifeguard, with real firmware, a real kernel and a real disk.

Nothing here is simulated but the current in the wires: switching the board off kills
QEMU. Its U-Boot asks lifeguard what to boot, the installer writes the disk and starts
it anew, and what then runs from the disk is the image that lifeguard polls.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from .lab import lab

pytestmark = [pytest.mark.system, pytest.mark.guests]

REIMAGE = [
    ("rq-reimage", "ReimageRebooting"),
    ("power-cycle-ok", "ReimageBooting"),
    ("installer-running", "ReimageInstalling"),
    ("install-ok", "ReimageComplete"),
    ("image-running", "Ready"),
]
RECOVERY = [
    ("poll-failed", "RebootRebooting"),
    ("power-cycle-ok", "RebootComplete"),
    ("image-running", "Ready"),
]
POWER_CYCLE = ["switch on relay 1 of bank 1", "switch off relay 1 of bank 1"]


@ensureDeferred
async def test_a_real_board_is_reimaged_and_recovered_when_it_hangs(
    tmp_path: Path,
) -> None:
    async with lab(reactor, tmp_path) as (board, relay_board, daemon):
        await daemon.request("rq-reimage", {"image": "debian"})
        await daemon.board_moves(REIMAGE, seconds=180)
        assert (await daemon.board())["image"] == "debian"
        assert relay_board.log == POWER_CYCLE

        board.hang()
        await daemon.board_moves(REIMAGE + RECOVERY, seconds=120)
        assert relay_board.log == POWER_CYCLE * 2
