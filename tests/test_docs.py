"""What the documents show can be done as they show it.

A new command that nothing runs fails here, and so does a link or a key that is not
there. What takes a real daemon is run by tests/system/test_docs.py, and what takes a
whole machine by tests/system/test_lab_server.py.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import pytest
from msgspec import structs

from lifeguard.cli.access import File
from lifeguard.cli.main import cli as commands
from lifeguard.config import ConfigurationError, load
from lifeguard.config.tables import Tables
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.tap import Options, checked
from tests.cli_rig import CliRig, cli
from tests.documents import (
    DOCUMENTS,
    REPOSITORY,
    SHELL,
    Block,
    anchors,
    blocks,
    elsewhere,
    every_block,
    links,
    write_files,
)
from tests.rig import inventory
from tests.test_examples import boots, config
from tests.web_rig import web

RUN_BY = "run by "

INVENTORY = {field.name for field in structs.fields(Tables)}
CLIENT = {field.name for field in structs.fields(File)}

LEFT_OUT = re.compile(
    r": missing|no \[.*\] in this file|[Nn]o such (?:file|directory)|No module named"
    r'|driver: expected .*, got "lever"'
)
"""What a part may lack, as it is elsewhere: in the rest of its file, on the lab's disk,
or in a driver like `etc/lever.py`."""

CONFIGURATION = "etc/lifeguard/lifeguard.toml"


def name_of(what: Block | Path) -> str:
    return str(what.relative_to(REPOSITORY)) if isinstance(what, Path) else str(what)


def is_page(document: Path) -> bool:
    """Whether it has a whole configuration to show."""
    return any(
        (block.file or "").startswith("/etc/lifeguard/") for block in blocks(document)
    )


SHOWN = every_block(*SHELL)
RUN_HERE = [block for block in SHOWN if block.remark is None]
PAGES = [document for document in DOCUMENTS if is_page(document)]


def a_lab() -> CliRig:
    """A lab with the boards that documents speak of."""
    lab = inventory(boards=14)
    names = [*(f"sim-{number:02d}" for number in range(1, 13)), "panda-01", "panda-02"]
    boards = {
        name: structs.replace(board, name=name)
        for name, board in zip(names, lab.boards.values(), strict=False)
    }
    rig = cli(web(structs.replace(lab, boards=boards)))
    rig.web.lab.request("rq-reboot", "sim-12")
    rig.clock.advance(1800)  # its relay board never came to it: it is given up
    return rig


def comes_back(rig: CliRig, board: str, *events: str) -> Callable[[], None]:
    """A board does all that it shall, without a fault."""

    def come_back() -> None:
        rig.web.lab.cycled(board)
        for event in events:
            rig.web.lab.happens(event, board)

    return come_back


def steps(rig: CliRig, words: list[str]) -> list[Callable[[], None]]:
    """What happens while a command waits."""
    events = ["installer-running", "install-ok"] if words[0] == "reimage" else []
    boards = [word for word in words if word in rig.web.lab.fleet.boards]
    return [comes_back(rig, board, *events, "image-running") for board in boards]


# Blocks.

FILES = {"toml", "jinja", "python", "json", "yaml"}
OTHERS_FILES = {"text", "dnsmasq", "ipxe", "nginx"}
LANGUAGES = {*SHELL, *FILES, *OTHERS_FILES}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_block_is_seen_and_says_what_it_is(document: Path) -> None:
    fences = re.findall(r"(?m)^\s*```", document.read_text())
    assert len(fences) == 2 * len(blocks(document))
    assert {block.language for block in blocks(document)} <= LANGUAGES


@pytest.mark.parametrize("block", every_block("json", "python"), ids=name_of)
def test_what_has_a_syntax_keeps_to_it(block: Block) -> None:
    if block.language == "json":
        json.loads(block.text)
    else:
        compile(block.text, str(block), "exec")


# Commands.


@pytest.mark.parametrize("block", SHOWN, ids=name_of)
def test_a_command_is_run_here_or_says_who_runs_it(block: Block) -> None:
    if block.remark is None:
        programs = {command.split()[0] for command in block.commands}
        assert programs <= {"lifeguard"}, f"{block}: who runs this?"
    else:
        assert block.remark.startswith(RUN_BY)
        assert (REPOSITORY / block.remark.removeprefix(RUN_BY)).is_file()


@pytest.mark.parametrize("block", SHOWN, ids=name_of)
def test_a_command_is_one_that_a_shell_understands(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block.script, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", SHOWN, ids=name_of)
def test_the_words_of_our_own_programs_are_words_of_theirs(block: Block) -> None:
    for words in block.calls("lifeguard"):
        parse(commands, "lifeguard", shlex.split(words))
    for words in block.calls("twistd"):
        _, is_ours, options = words.partition("lifeguard ")
        if is_ours:
            Parsed().parseOptions(shlex.split(options))


class Parsed(Options):
    """Options of which nothing is read."""

    def postOptions(self) -> None:
        """That they can be parsed is all."""


def parse(
    command: click.Command,
    name: str,
    words: list[str],
    parent: click.Context | None = None,
) -> None:
    """Parse a whole command line, and do nothing of what it says."""
    try:
        context = command.make_context(name, words, parent)
    except click.exceptions.Exit:  # --help
        return
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest and command.invoke_without_command:
            return
        found, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        parse(inner, found or "", rest, context)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_of_a_document_does_what_it_shows(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = a_lab()
    settle_in(document, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir((tmp_path / CONFIGURATION).parent)
    for block in blocks(document):
        if block not in RUN_HERE:
            continue
        for line in block.calls("lifeguard"):
            words = shlex.split(elsewhere(line, tmp_path))
            rig.steps = steps(rig, words) if "--wait" in words else []
            status, out, err = rig.run(*words)
            assert (status, err) == (0, []), f"{block}: lifeguard {line}"
            assert out, f"{block}: lifeguard {line}"


def test_the_readme_shows_most_of_the_command_line() -> None:
    shown = {call.split()[0] for block in RUN_HERE for call in block.calls("lifeguard")}
    assert shown > {"status", "show", "reimage", "history", "reboot", "set-state"}


# Configuration.


def settle_in(document: Path, directory: Path) -> None:
    """Write what the document shows, and what it takes for granted."""
    (directory / "srv" / "tftp").mkdir(parents=True)
    write_files(document, directory)
    settings = directory / CONFIGURATION
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.touch()


@pytest.mark.parametrize("block", every_block("toml"), ids=name_of)
def test_a_piece_of_configuration_has_no_mistake(block: Block, tmp_path: Path) -> None:
    tables = tomllib.loads(block.text)
    if tables.keys() <= CLIENT:
        msgspec.convert(tables, File)
        return
    (tmp_path / "lifeguard.toml").touch()
    file = "boards.toml" if tables.keys() <= INVENTORY else "lifeguard.toml"
    (tmp_path / file).write_text(block.text)
    assert [each for each in mistakes(tmp_path) if not LEFT_OUT.search(each)] == []


def mistakes(directory: Path) -> list[str]:
    try:
        load(directory / "lifeguard.toml")
    except ConfigurationError as error:
        return error.mistakes
    return []


@pytest.mark.parametrize("document", PAGES, ids=name_of)
def test_a_page_has_a_whole_lab_and_all_its_boards_boot(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(document, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    lab = checked(tmp_path / CONFIGURATION).inventory
    for board, image in boots(lab):
        if image.boot[board.hardware].template is not None:
            assert " lifeguard.token=0." in config(lab, board, image)


# Links, and names of files.


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_file_that_is_named_is_there(document: Path) -> None:
    pattern = r"`((?:docs|etc|lifeguard|tests|benchmarks)/[\w./-]+)"
    named = re.findall(pattern, document.read_text())
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = REPOSITORY / "docs" / "README.md"
    listed = {(index.parent / target).resolve() for target in links(index)}
    pages = {path.resolve() for path in (REPOSITORY / "docs").glob("*.md")}
    pages |= {path.resolve() for path in (REPOSITORY / "docs" / "boot").glob("*.md")}
    assert pages - listed == {index}


# The states.


def test_the_page_on_recovery_has_every_state_in_which_a_board_is_given_up() -> None:
    page = (REPOSITORY / "docs" / "recovery.md").read_text()
    failed = [state for state in LIFECYCLE.states if LIFECYCLE.kind(state) == "failed"]
    told = re.findall(r"(?m)^\| `(\w+)` \|", page)
    assert [state for state in told if state in failed] == failed
    assert [state for state in told if state not in LIFECYCLE] == []
