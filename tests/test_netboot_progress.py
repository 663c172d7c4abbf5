"""How far a boot came is told step by step, and put into words for a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from lifeguard.netboot.files import Content, MemoryContent
from lifeguard.netboot.progress import Progress
from lifeguard.netboot.witness import Boot, WatchedContent, Witness

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {"debian/vmlinuz": "kernel", "debian/initrd.gz": "initrd"}
HERE, THERE = "192.0.2.1", "192.0.2.2"


@dataclass
class FakeLab:
    steps: list[str] = field(default_factory=list)
    newest: dict[str, Progress] = field(default_factory=dict)

    def saw(self, board: str, event: str, progress: Progress) -> None:
        self.steps.append(f"{board} {event}")
        self.newest[board] = progress


@dataclass
class Rig:
    """A witness whose wall clock moves on by a second each time it is looked at."""

    lab: FakeLab = field(default_factory=FakeLab)
    seconds: int = -1

    def __post_init__(self) -> None:
        self.witness = Witness(self.lab, self._wall)

    def _wall(self) -> datetime:
        self.seconds += 1
        return EPOCH + timedelta(seconds=self.seconds)

    def config(self, board: str, address: str = HERE, generation: int = 1) -> None:
        progress = Progress(generation, "debian", ("kernel", "initrd"))
        send(
            self.witness.config(
                Boot(board, FILES, progress), address, MemoryContent(b"config")
            )
        )

    def file(self, name: str, address: str = HERE) -> None:
        send(self.witness.file(name, address, MemoryContent(b"12345678")))


def send(content: Content) -> None:
    """In pieces of 3 bytes."""
    for offset in range(0, content.size, 3):
        content.sent(offset, min(offset + 3, content.size))


def test_the_ends_of_a_content_are_told_once_each() -> None:
    told: list[str] = []
    content = WatchedContent(
        MemoryContent(b"12345"),
        begun=lambda: told.append("begun"),
        ended=lambda: told.append("ended"),
    )
    for start, end, so_far in (
        (2, 4, []),
        (0, 2, ["begun"]),
        (0, 4, ["begun"]),
        (4, 5, ["begun", "ended"]),
        (0, 5, ["begun", "ended"]),
    ):
        content.sent(start, end)
        assert told == so_far


def test_to_read_a_content_is_not_to_have_sent_it() -> None:
    told: list[str] = []
    content = WatchedContent(
        MemoryContent(b"12345"), ended=lambda: told.append("ended")
    )
    assert (content.read(0, 9), told) == (b"12345", [])


def test_a_boot_is_followed_from_its_config_on() -> None:
    parts = Rig()
    parts.file("debian/vmlinuz")
    parts.config("panda-01")
    for name in ("debian/initrd.gz", "dtb", "/debian/vmlinuz", "debian/vmlinuz"):
        parts.file(name)
    assert parts.lab.steps == [
        f"panda-01 {event}"
        for event in (
            "boot-config-fetched",
            "initrd-begun",
            "initrd-fetched",
            "kernel-begun",
            "kernel-fetched",
        )
    ]
    progress = parts.lab.newest["panda-01"]
    assert [at.second for at in progress.steps.values()] == [0, 1, 2, 3, 4]


def test_boards_are_told_apart_by_their_addresses() -> None:
    parts = Rig()
    parts.config("panda-01", HERE)
    parts.config("panda-02", THERE)
    parts.file("debian/vmlinuz", THERE)
    parts.file("debian/vmlinuz", "192.0.2.3")
    assert [step.split()[0] for step in parts.lab.steps] == [
        "panda-01",
        *["panda-02"] * 3,
    ]


def test_a_board_that_boots_from_another_address_is_followed_there_only() -> None:
    parts = Rig()
    parts.config("panda-01", HERE)
    parts.config("panda-01", THERE)
    parts.file("debian/vmlinuz", HERE)
    assert parts.lab.steps == ["panda-01 boot-config-fetched"] * 2


def test_a_transfer_of_a_boot_that_began_anew_says_nothing() -> None:
    parts = Rig()
    parts.config("panda-01", generation=1)
    old = parts.witness.file("debian/vmlinuz", HERE, MemoryContent(b"12345678"))
    parts.config("panda-01", generation=2)
    send(old)
    assert parts.lab.steps == ["panda-01 boot-config-fetched"] * 2
    assert parts.lab.newest["panda-01"].generation == 2


@pytest.mark.parametrize(
    ("events", "summary"),
    [
        ([], "its boot config, but never its kernel and never its initrd"),
        (
            ["initrd-begun", "initrd-fetched"],
            "its boot config and its initrd, but never its kernel",
        ),
        (
            ["kernel-begun", "initrd-begun", "initrd-fetched"],
            "its boot config and its initrd, but not all of its kernel",
        ),
        (
            ["kernel-fetched", "initrd-fetched"],
            "its boot config and its kernel and its initrd",
        ),
    ],
)
def test_a_summary_says_what_is_there_and_what_is_not(
    events: list[str], summary: str
) -> None:
    progress = Progress(1, "debian", ("kernel", "initrd"))
    for event in events:
        progress = progress.after(event, EPOCH)
    assert progress.summary() == f"it fetched {summary}"


def test_a_config_that_names_no_kernel_lacks_none() -> None:
    assert Progress(1, "debian", ()).summary() == "it fetched its boot config"
