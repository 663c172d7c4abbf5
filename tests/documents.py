"""The README and the pages of docs/, taken apart into blocks that tests try out.

A block is run by tests/test_docs.py, or says in an HTML comment before it who else runs
it: `<!-- run by tests/FILE.py -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "etc").rglob("*.md")),
]
SHELL = ("sh", "console")

_BLOCK = re.compile(
    r"(?:^<!-- (?P<remark>[^>]*) -->\n\n?)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"(?:# |\{#-? )(?P<name>[\w./-]+\.\w+)(?: -?#\})?\n")
_PLACE = re.compile(r"(?<![\w./}-])/(?:etc|opt|srv|usr/local|var)/")
_CALL = re.compile(
    r"(?m)(?:^|&& )(?:[\w./]*/)?(?P<program>lifeguard|twistd) (?P<words>[^#>|;&\n]*)"
)


class Block(NamedTuple):
    """What stands between two fences; `remark` is the comment before them."""

    document: Path
    line: int
    language: str
    text: str
    remark: str | None

    def __str__(self) -> str:
        return f"{self.document.relative_to(REPOSITORY)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is, by its first line."""
        named = _FILE.match(self.text)
        return named and named["name"]

    @property
    def script(self) -> str:
        """What is typed of it: of a console only what comes after the prompt."""
        if self.language == "sh":
            return self.text
        typed = re.findall(r"(?m)^\$ (.*)$", self.text)
        return "".join(f"{line}\n" for line in typed)

    @property
    def commands(self) -> list[str]:
        """The script line by line, each whole, and without comments."""
        whole = re.sub(r"\\\n\s*", "", self.script)
        return re.findall(r"(?m)^\s*\S.*$", re.sub(r"(?m)(^|\s)#.*$", "", whole))

    def calls(self, program: str) -> list[str]:
        """The words after each call of a program of ours."""
        found = _CALL.finditer("\n".join(self.commands))
        return [each["words"].strip() for each in found if each["program"] == program]


def blocks(document: Path) -> list[Block]:
    """All of a document, in order."""
    text = document.read_text()
    return [
        Block(
            document,
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["text"],
            found["remark"],
        )
        for found in _BLOCK.finditer(text)
    ]


def every_block(*languages: str) -> list[Block]:
    """Of all documents."""
    each = [block for document in DOCUMENTS for block in blocks(document)]
    return [block for block in each if block.language in languages]


def write_files(document: Path, directory: Path) -> None:
    """Write each block that is a file, below `directory`; the absolute ones, too."""
    for block in blocks(document):
        if block.file is not None:
            path = directory / block.file.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(elsewhere(block.text, directory))


def elsewhere(text: str, directory: Path) -> str:
    """The text with the directories of a real machine below `directory`."""
    return _PLACE.sub(lambda found: f"{directory}{found[0]}", text)


def links(document: Path) -> Iterator[str]:
    """The targets of its links that are no URLs."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" not in target:
            yield target


def anchors(document: Path) -> set[str]:
    """Where a link may lead to within it: its headings, as they are known by."""
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text())
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in words}
