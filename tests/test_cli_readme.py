"""Every command that the README shows does what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from msgspec import structs

from tests.cli_rig import CliRig, cli
from tests.rig import inventory
from tests.web_rig import web

README = (Path(__file__).parents[1] / "README.md").read_text()

REIMAGE = ("installer-running", "install-ok", "image-running")


def commands() -> list[str]:
    """What is shown to be typed, without what the shell does with it."""
    _, _, section = README.partition("## The command line\n")
    shown, _, _ = section.partition("\n## ")
    return re.findall(r"(?m)^(?:\$ )?lifeguard ([^#>\n]*)", shown)


def demo() -> CliRig:
    """A lab with the demo's names."""
    lab = inventory(boards=12)
    boards = {
        name: structs.replace(board, name=name)
        for number, board in enumerate(lab.boards.values(), 1)
        if (name := f"sim-{number:02d}")
    }
    return cli(web(structs.replace(lab, boards=boards)))


def boots(rig: CliRig, board: str) -> None:
    """The board is reimaged without a fault."""
    rig.web.lab.cycled(board)
    for event in REIMAGE:
        rig.web.lab.happens(event, board)


def test_every_command_of_the_readme_does_what_it_shows() -> None:
    rig = demo()
    assert len(commands()) > 12
    for command in commands():
        if "--wait" in command:
            rig.steps = [lambda: boots(rig, "sim-01"), lambda: boots(rig, "sim-02")]
        status, out, err = rig.run(*shlex.split(command))
        assert (status, err) == (0, []), command
        assert out, command
