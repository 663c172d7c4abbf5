"""The real daemon under libfaketime: its wall clock jumps, and boards do not notice.

libfaketime 0.9.10 does not know how Python waits. It does not see waits for a lock by
the monotonic clock, which would go on for ever were that clock faked; and where it is
not, `time.sleep` fails: an absolute wait, which it converts all the same. So the wall
clock alone is faked, and only for the daemon, which never sleeps. What it calls a fix
of monotonic waits makes every hand-over between two threads take milliseconds; off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sysconfig import get_config_var

import pytest

from tests.process_lab import Child, ProcessLab, process_lab

from .debian import package_file

pytestmark = pytest.mark.system

HOUR = timedelta(hours=1)
BOARDS = 4
DEAD = "sim-04"
"""Never leaves its boot loader; every timeout of its must come, and in time."""

SOON = 15.0
"""Seconds in which anything here happens, where no timeout is longer than 6."""

REIMAGED = [
    ("rq-reimage", "ReimageRebooting"),
    ("power-cycle-ok", "ReimageBooting"),
    ("installer-running", "ReimageInstalling"),
    ("install-ok", "ReimageComplete"),
    ("image-running", "Ready"),
]


class WallClock:
    """What a daemon takes for the time of day."""

    def __init__(self, directory: Path) -> None:
        self._offset = directory / "offset"
        self.jump(timedelta(0))

    def jump(self, offset: timedelta) -> None:
        """From now on it goes wrong by `offset`, and not as before."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.0f}s")
        new.rename(self._offset)

    @contextmanager
    def worn(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Processes that are begun meanwhile live by it."""
        triplet = get_config_var("MULTIARCH")
        library = f"/usr/lib/{triplet}/faketime/libfaketime.so.1"
        with monkeypatch.context() as context:
            context.setenv("LD_PRELOAD", package_file(library, "faketime"))
            context.setenv("FAKETIME_TIMESTAMP_FILE", os.fspath(self._offset))
            context.setenv("FAKETIME_NO_CACHE", "1")
            context.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            context.setenv("FAKETIME_FORCE_MONOTONIC_FIX", "0")
            yield


def moves(lab: ProcessLab, board: str) -> list[tuple[str, str]]:
    """The (event, to) of every row that moved the board."""
    return [
        (row["event"], row["to_state"])
        for row in lab.history(board)
        if row["outcome"] == "moved"
    ]


def error(lab: ProcessLab, board: str) -> timedelta:
    """By how much the board's newest row is wrong, to the nearest minute."""
    at = datetime.fromisoformat(lab.history(board)[-1]["at"])
    minutes = (at - datetime.now(UTC)).total_seconds() / 60
    return timedelta(minutes=round(minutes))


def dead_board_times_out(daemon: Child) -> None:
    daemon.wait_for(f"{DEAD}: ReimageBooting -- timeout --> ReimageRebooting", SOON)


def test_jumps_of_the_wall_clock_fire_nothing_and_delay_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--boards", f"{BOARDS}", "--dead", f"{DEAD}=loader")
    healthy = [f"sim-{number:02d}" for number in range(1, BOARDS)]
    clock = WallClock(tmp_path)
    with process_lab(tmp_path / "lab", *arguments) as lab:
        with clock.worn(monkeypatch):
            daemon = lab.start()
        lab.reimage_all()
        for offset in (HOUR, -HOUR, HOUR):
            daemon.wait_for("power-cycle-ok", SOON)
            clock.jump(offset)
            dead_board_times_out(daemon)
            assert error(lab, DEAD) == offset
        for board in healthy:
            assert moves(lab, board) == REIMAGED
        daemon.end()

        clock.jump(-HOUR)
        with clock.worn(monkeypatch):
            daemon = lab.start()
        dead_board_times_out(daemon)
        assert error(lab, DEAD) == -HOUR
        for board in healthy:
            assert moves(lab, board) == REIMAGED
