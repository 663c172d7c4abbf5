"""A known board gets its decision under every name, anybody else gets files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs
from twisted.logger import capturedLogs

from lifeguard.lifecycle import Boots
from lifeguard.netboot.boot_server import BootServer
from lifeguard.netboot.files import NotFound, Root
from lifeguard.netboot.loaders.pxelinux import LOCALBOOT
from lifeguard.netboot.tftp import Refused
from lifeguard.simulator.pxelinux import parse_config, search_list
from tests.netboot_rig import MAC, Netboot, netboot, situation, texts

if TYPE_CHECKING:
    from pathlib import Path

    from lifeguard.netboot.decision import Situation

ADDRESS, STRANGER = "192.0.2.101", "192.0.2.200"
SEARCH_LIST = search_list(MAC, ADDRESS)


@dataclass
class FakeLab:
    """One board, and the fetches that were reported."""

    situation: Situation
    fetched: list[str] = field(default_factory=list)

    def by_mac(self, mac: str) -> Situation | None:
        return self.situation if mac == self.situation.board.mac else None

    def by_address(self, address: str) -> Situation | None:
        return self.situation if address == self.situation.board.address else None

    def fetched_boot_config(self, name: str) -> None:
        self.fetched.append(name)


class Rig(NamedTuple):
    server: BootServer
    lab: FakeLab
    netboot: Netboot

    def look(self, filename: str, client: str = ADDRESS) -> None:
        """Ask for a config and read nothing of it, as HEAD does."""
        self.server.resolve(filename, client).close()

    def ask(self, filename: str, client: str = ADDRESS) -> bytes | str:
        """What was sent, or why nothing was."""
        try:
            content = self.server.resolve(filename, client)
        except Refused as refused:
            return f"{int(refused.code)} {refused.text}"
        except NotFound:
            return "not found"
        data = content.read(0, content.size)
        content.close()
        return data


def rig(tmp_path: Path, asked: Situation, *, with_root: bool = True) -> Rig:
    """A server whose root holds a file under every name of the search list."""
    root = tmp_path / "root"
    (root / "pxelinux.cfg").mkdir(parents=True)
    (root / "kernel").write_bytes(b"kernel")
    for name in SEARCH_LIST:
        (root / name).write_bytes(b"file")
    parts = netboot(tmp_path)
    lab = FakeLab(asked)
    files = Root(root) if with_root else None
    return Rig(BootServer(lab, parts.configs, files), lab, parts)


def test_every_name_on_the_list_is_the_image_and_is_reported(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    sent = [parts.ask(name) for name in SEARCH_LIST]
    assert sent == [parts.netboot.expected()] * len(SEARCH_LIST)
    assert parts.lab.fetched == ["panda-01"] * len(SEARCH_LIST)


def test_a_config_is_fetched_by_its_last_byte_and_once(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    content = parts.server.resolve(SEARCH_LIST[0], ADDRESS)
    told = []
    for offset, length in ((0, 8), (8, content.size - 9), (8, content.size), (8, 99)):
        content.read(offset, length)
        told.append(len(parts.lab.fetched))
    assert told == [0, 0, 1, 1]


def test_whoever_only_looks_has_not_fetched(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    parts.look(SEARCH_LIST[0])
    assert parts.lab.fetched == []


def test_whoever_reads_from_elsewhere_is_not_the_board(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    assert parts.ask(SEARCH_LIST[0], STRANGER) == parts.netboot.expected()
    assert parts.lab.fetched == []


def test_a_board_without_an_address_may_read_from_any(tmp_path: Path) -> None:
    asked = situation(Boots.WANTED)
    asked = asked._replace(board=structs.replace(asked.board, address=None))
    parts = rig(tmp_path, asked)
    parts.ask(SEARCH_LIST[0], STRANGER)
    assert parts.lab.fetched == ["panda-01"]


def test_every_name_on_the_list_is_refused_when_the_disk_is_booted(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path, situation(Boots.DISK, state="RebootComplete"))
    sent = [parts.ask(name) for name in SEARCH_LIST]
    assert sent == ["1 panda-01 boots its disk (RebootComplete)"] * len(SEARCH_LIST)
    assert parts.lab.fetched == []


def test_every_name_on_the_list_says_localboot_where_the_hardware_wants_it(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path, situation(Boots.DISK, disk_boot="localboot"))
    sent = [parts.ask(name) for name in SEARCH_LIST]
    assert sent == [LOCALBOOT] * len(SEARCH_LIST)
    assert parts.lab.fetched == []


def test_localboot_is_the_disk_to_a_loader() -> None:
    assert parse_config(LOCALBOOT.decode()) is None


def test_a_board_that_is_left_alone_gets_the_files(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.NOTHING))
    assert [parts.ask(name) for name in SEARCH_LIST] == [b"file"] * len(SEARCH_LIST)
    assert parts.lab.fetched == []


def test_an_unknown_board_gets_the_files(tmp_path: Path) -> None:
    asked = situation(Boots.WANTED, mac="02:00:00:00:00:02")
    parts = rig(tmp_path, asked)
    sent = [parts.ask(name, STRANGER) for name in SEARCH_LIST]
    assert sent == [b"file"] * len(SEARCH_LIST)


def test_the_mac_decides_from_another_address_too(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    assert parts.ask(SEARCH_LIST[0], STRANGER) == parts.netboot.expected()


def test_a_known_address_decides_under_another_mac(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED, mac="02:00:00:00:00:02"))
    assert parts.ask(SEARCH_LIST[0]) == parts.netboot.expected()


def test_any_other_name_is_a_file(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    names = ["kernel", "/kernel", "absent", "../debian.cfg.j2"]
    sent = [parts.ask(name) for name in names]
    assert sent == [b"kernel", b"kernel", "not found", "not found"]


def test_without_a_root_there_are_boot_configs_only(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED), with_root=False)
    sent = [parts.ask(SEARCH_LIST[0]), parts.ask("kernel")]
    assert sent == [parts.netboot.expected(), "not found"]


def test_an_image_that_is_gone_is_refused_with_the_reason_and_logged_once(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED, wanted_image="gone"))
    with capturedLogs() as events:
        sent = [parts.ask(name) for name in SEARCH_LIST]
    reason = "image gone is not in the inventory"
    assert sent == [f"1 panda-01: {reason}"] * len(SEARCH_LIST)
    assert texts(events) == [f"panda-01: nothing to boot: {reason}"]


def test_a_template_fault_is_logged_again_once_it_had_been_mended(
    tmp_path: Path,
) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    contents = ["{{ absent }}", "mended", "{{ absent }} again"]
    sent = []
    with capturedLogs() as events:
        for text in contents:
            parts.netboot.rewrite(text)
            sent += [parts.ask(name) for name in SEARCH_LIST[:2]]
    reason = "debian.cfg.j2, line 1: 'absent' is undefined"
    refusal = f"1 panda-01: {reason}"
    assert sent == [refusal, refusal, b"mended", b"mended", refusal, refusal]
    assert texts(events) == [f"panda-01: nothing to boot: {reason}"] * 2
    assert parts.lab.fetched == ["panda-01"] * 2
