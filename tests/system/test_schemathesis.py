"""A stranger's reading of our own description: schemathesis finds nothing wrong.

The stream is left out, as it has no end.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process_lab import process_lab

pytestmark = pytest.mark.system

SECONDS = 60
SEED = 1

# What events there are, and which of them takes a body, is the lifecycle's to say: no
# schema can, so these refuse some of what is right by theirs.
SETTINGS = """
[[operations]]
include-path = "/boards/{name}/events/{event}"
checks.positive_data_acceptance.expected-statuses = [200, 400, 403, 404, 405, 409, 422]
"""


LOG = "schemathesis.log"


def schemathesis(url: str, token: str, directory: Path) -> subprocess.Popen[bytes]:
    """Asks for a minute whatever the description allows, and some that it does not."""
    (directory / "schemathesis.toml").write_text(SETTINGS)
    program = Path(sys.executable).with_name("schemathesis")
    return subprocess.Popen(
        [
            program,
            "run",
            f"{url}/api/v1/openapi.json",
            f"--header=Authorization:Bearer {token}",
            f"--max-time={SECONDS}",
            f"--seed={SEED}",
            "--generation-database=none",
            "--exclude-path=/stream",
            "--checks=all",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=directory,
        stdout=(directory / LOG).open("wb"),
        stderr=subprocess.STDOUT,
    )


def test_a_stranger_finds_nothing_wrong_with_what_we_say_of_ourselves(
    tmp_path: Path,
) -> None:
    with process_lab(tmp_path, "--boards", "12") as lab:
        daemon = lab.start()
        token = (tmp_path / "operator.token").read_text().strip()
        with schemathesis(lab.url, token, tmp_path) as running:
            while running.poll() is None:
                daemon.read_for(0.5)  # its pipe is not to hold it up
        said = (tmp_path / LOG).read_text()
        assert running.returncode == 0, said
        selected = re.search(r"(\d+) selected / (\d+) total", said)
        assert selected is not None, said
        tried, described = map(int, selected.groups())
        assert described - tried == 1, "all but the stream"
        assert f"✅ {tried} passed" in said
    faults = ("has a fault", "Traceback")
    assert [one for one in daemon.lines if any(each in one for each in faults)] == []
