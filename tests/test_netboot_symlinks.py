"""The directory shows the decisions, and nothing in it but lifeguard's is touched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest
from twisted.logger import capturedLogs

from lifeguard.lifecycle import Boots
from lifeguard.model import Boot, Image, Inventory
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.loaders.pxelinux import LOCALBOOT
from lifeguard.netboot.symlinks import Symlinks
from tests.netboot_rig import SERVER, TOKENS, Netboot, netboot, situation, texts
from tests.test_files import no_descriptors

if TYPE_CHECKING:
    from pathlib import Path

NAME = "01-02-00-00-00-00-01"
GONE = "01-02-00-00-00-00-99"


class Rig(NamedTuple):
    symlinks: Symlinks
    directory: Path
    netboot: Netboot

    def tree(self) -> dict[str, str]:
        """Every file and link; a link as `-> TARGET`."""
        paths = [path for path in self.directory.rglob("*") if not path.is_dir()]
        return {str(path.relative_to(self.directory)): _shown(path) for path in paths}

    def link(self, name: str = NAME) -> Path:
        return self.directory / name


def _shown(path: Path) -> str:
    return f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text()


def rig(tmp_path: Path) -> Rig:
    directory = tmp_path / "pxelinux.cfg"
    directory.mkdir()
    parts = netboot(tmp_path)
    return Rig(Symlinks(directory, parts.configs), directory, parts)


def test_an_image_is_a_file_and_a_relative_link(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.WANTED))
    assert parts.tree() == {
        NAME: f"-> lifeguard/{NAME}",
        f"lifeguard/{NAME}": parts.netboot.expected().decode(),
    }
    assert parts.link().read_bytes() == parts.netboot.expected()


def test_a_tftp_server_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    umask = os.umask(0o077)
    try:
        parts.symlinks.show(situation(Boots.WANTED))
    finally:
        os.umask(umask)
    own = parts.directory / "lifeguard"
    modes = [path.stat().st_mode & 0o777 for path in (own, own / NAME)]
    assert modes == [0o755, 0o644]


def test_a_new_text_takes_the_place_of_the_old_whole(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.WANTED))
    with parts.link().open("rb") as opened:
        parts.netboot.rewrite("new")
        parts.symlinks.show(situation(Boots.WANTED))
        assert opened.read() == parts.netboot.expected()
    assert parts.link().read_bytes() == b"new"


@pytest.mark.parametrize(
    ("boots", "wanted"),
    [(Boots.DISK, "debian"), (Boots.NOTHING, "debian"), (Boots.WANTED, "gone")],
)
def test_what_boots_no_image_leaves_nothing(
    tmp_path: Path, boots: Boots, wanted: str
) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.WANTED))
    parts.symlinks.show(situation(boots, wanted_image=wanted))
    assert parts.tree() == {}


def test_localboot_is_a_file_too(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.DISK, disk_boot="localboot"))
    assert parts.link().read_bytes() == LOCALBOOT


def test_a_file_or_link_of_somebody_else_is_left_alone_and_reported_once(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path)
    parts.link().write_text("by hand")
    other = "01-02-00-00-00-00-02"
    parts.link(other).symlink_to("elsewhere/file")
    with capturedLogs() as events:
        for boots in (Boots.WANTED, Boots.DISK, Boots.NOTHING, Boots.WANTED):
            parts.symlinks.show(situation(boots))
            parts.symlinks.show(situation(boots, mac="02:00:00:00:00:02"))
    assert parts.tree() == {NAME: "by hand", other: "-> elsewhere/file"}
    assert texts(events) == [
        f"{parts.link(name)}: not lifeguard's, left alone" for name in (NAME, other)
    ]


def test_a_link_of_ours_that_was_bent_is_put_right(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.link().symlink_to("lifeguard/other")
    parts.symlinks.show(situation(Boots.WANTED))
    assert parts.link().read_bytes() == parts.netboot.expected()


def test_reconcile_shows_all_and_removes_what_is_left_of_others(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    own = parts.directory / "lifeguard"
    own.mkdir()
    (own / GONE).write_text("of a board that is gone")
    parts.link(GONE).symlink_to(f"lifeguard/{GONE}")
    (own / f"{NAME}.new").write_text("cut off by a cra")
    (own / "01-02-00-00-00-00-98.new").write_text("")
    parts.link("01-02-00-00-00-00-97").symlink_to("lifeguard/01-02-00-00-00-00-97")
    parts.link("default").write_text("by hand")
    parts.symlinks.reconcile([situation(Boots.WANTED)])
    assert parts.tree() == {
        "default": "by hand",
        NAME: f"-> lifeguard/{NAME}",
        f"lifeguard/{NAME}": parts.netboot.expected().decode(),
    }


def test_reconcile_removes_what_a_crash_left_of_a_board_on_its_disk(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.WANTED))
    (parts.directory / "lifeguard" / f"{NAME}.new").write_text("cut off by a cra")
    parts.symlinks.reconcile([situation(Boots.DISK)])
    assert parts.tree() == {}


def test_what_failed_is_logged_and_done_at_the_next_change(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path)
    parts.directory.rmdir()
    with capturedLogs() as events:
        parts.symlinks.reconcile([situation(Boots.WANTED)])
    missing = "[Errno 2] No such file or directory"
    assert texts(events) == [
        f"symlinks: panda-01: {missing}: '{parts.directory / 'lifeguard'}'",
        f"symlinks: left-overs: {missing}: '{parts.directory}'",
    ]
    parts.directory.mkdir()
    parts.symlinks.show(situation(Boots.WANTED))
    assert parts.link().read_bytes() == parts.netboot.expected()


def test_a_machine_without_descriptors_leaves_what_was_there(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.WANTED))
    parts.netboot.rewrite("new")
    with capturedLogs() as events, no_descriptors():
        parts.symlinks.show(situation(Boots.WANTED))
    assert parts.link().read_bytes() == parts.netboot.expected()
    [said] = texts(events)
    assert said.startswith("symlinks: panda-01: [Errno 24] Too many open files")


def test_one_left_over_that_stays_does_not_keep_the_others(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path)
    own = parts.directory / "lifeguard"
    (own / "01-02-00-00-00-00-03").mkdir(parents=True)
    (own / GONE).write_text("")
    with capturedLogs() as events:
        parts.symlinks.reconcile([])
    assert parts.tree() == {}
    assert len(texts(events)) == 1


def test_an_image_by_another_loader_is_not_shown_to_pxelinux(tmp_path: Path) -> None:
    parts = rig(tmp_path)
    parts.symlinks.show(situation(Boots.WANTED))
    boot = Boot(loader="ipxe", template=str(parts.netboot.template))
    images = {"debian": Image(name="debian", boot={"panda": boot})}
    configs = LoaderConfigs(Inventory(images=images), TOKENS, SERVER)
    Symlinks(parts.directory, configs).show(situation(Boots.WANTED))
    assert parts.tree() == {}
