"""An admin's first hour, by a shell: `first_hour.sh` says what it consists of."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documents import REPOSITORY

from .debian import program

pytestmark = pytest.mark.system

SCRIPT = Path(__file__).with_suffix(".sh").with_stem("first_hour")
LIMIT = 400.0
"""Seconds: lifeguard is installed twice, once with all that it needs."""


def test_an_admins_first_hour(tmp_path: Path) -> None:
    program("curl", "curl")
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    unneeded = shutil.ignore_patterns(".*", "*.egg-info", "build", "__pycache__")
    shutil.copytree(REPOSITORY, checkout, ignore=unneeded)
    home.mkdir()
    done = subprocess.run(
        [SCRIPT, checkout, home],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.endswith("== That was the first hour\n")
