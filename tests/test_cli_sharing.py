"""The commands about what boards share, and what all commands have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from lifeguard.cli.command import cli as program
from tests.cli_rig import URL, CliRig, cli
from tests.test_web_blame import incident, lab
from tests.web_rig import web


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command below, by the words that name it."""
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from commands(one, *path, name)
        if not isinstance(one, click.Group) or one.invoke_without_command:
            yield (*path, name)


def options(path: tuple[str, ...]) -> set[str]:
    found: click.Command = program
    for word in path:
        assert isinstance(found, click.Group)
        found = found.commands[word]
    return {name for one in found.params for name in one.opts}


def test_every_command_speaks_json_but_those_that_write_a_file() -> None:
    every = set(commands(program))
    others = {path for path in every if "--json" not in options(path)}
    assert {path[:2] for path in others} == {("inventory", "import")}
    assert ("relay-boards",) in every
    assert ("relay-boards", "test") in every


def test_it_says_its_version() -> None:
    status, (line,), err = cli().run("--version")
    assert (status, line.split()[0], err) == (0, "lifeguard", [])


def test_help_tells_who_must_say_which_boards() -> None:
    rig = cli()
    first = {name: rig.run(name, "--help").out[0] for name in ("status", "reboot")}
    assert first == {
        "status": "Usage: lifeguard status [OPTIONS] [BOARD...]",
        "reboot": "Usage: lifeguard reboot [OPTIONS] BOARD...",
    }


def test_the_link_to_a_relay_board_is_tested() -> None:
    rig = cli()
    assert rig.run("relay-boards", "test", "rack1") == (
        0,
        ["rack1 answers, and is Working"],
        [],
    )
    (document,) = rig.run("relay-boards", "test", "rack1", "--json").out
    assert json.loads(document)["name"] == "rack1"
    nix = rig.run("relay-boards", "test", "../nix")
    assert (nix.status, len(nix.err)) == (1, 1)


def test_an_image_that_was_set_aside_is_shown_with_why_and_released() -> None:
    rig = cli(lab(incident(1)))
    words = [line.split(maxsplit=3) for line in rig.run("images").out]
    why = "since 00:00:00, by incident 1: image debian is set aside: it failed"
    assert words[1] == ["✗", "debian", "panda", why]
    assert words[2] == ["✓", "check", "self-test", "panda"]
    assert rig.run("reimage", "panda-01", "--image", "debian").status == 1
    said = rig.run("images", "release", "debian")
    assert said == (0, ["debian can be installed again"], [])
    again = rig.run("images", "release", "debian")
    assert again.err == [
        f"lifeguard: {URL}/api/v1/images/debian/release: image debian is not set aside"
    ]
    assert rig.run("reimage", "panda-01", "--image", "debian").status == 0
    rig.web.inquiry.stop()


def test_polls_that_are_withheld_are_released() -> None:
    rig = cli()
    rig.web.polls.withheld = ("panda-01", "panda-02")
    assert rig.run("polls").out == [
        "polls: 2 boards answer none, so many that their failures are withheld"
    ]
    assert rig.run("polls", "release").out == ["polls: no failure is withheld"]
    assert json.loads(rig.run("polls", "--json").out[0])["braked"] is False


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lifeguard show pa", ["panda-01", "panda-02"]),
        ("lifeguard status --state N", ["New"]),
        ("lifeguard status --hardware p", ["panda"]),
        ("lifeguard set-state panda-01 --from N", ["New"]),
        ("lifeguard reimage panda-01 --image d", ["debian"]),
        ("lifeguard images release c", []),
        ("lifeguard relay-boards test r", ["rack1"]),
    ],
)
def test_the_names_of_a_lab_are_completed(line: str, offered: list[str]) -> None:
    assert complete(cli(web()), line) == offered


@pytest.mark.parametrize("line", ["lifeguard show pa", "lifeguard reimage a --image d"])
def test_a_daemon_that_is_away_completes_nothing(line: str) -> None:
    rig = cli()
    rig.wire.cut()
    assert complete(rig, line) == []


def complete(rig: CliRig, line: str) -> list[str]:
    """What the shell would offer for the last word."""
    said = rig.run(
        _LIFEGUARD_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split()) - 1),
    )
    assert said.err == []
    return [word.removeprefix("plain,") for word in said.out if word]
