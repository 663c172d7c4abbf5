"""A known board gets its decision under every name, anybody else gets files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest
from msgspec import structs
from twisted.logger import capturedLogs

from lifeguard.lifecycle import Boots
from lifeguard.model import Boot, Image, Inventory, SeenBoot
from lifeguard.netboot.boot_server import BootServer
from lifeguard.netboot.files import NotFound, Root
from lifeguard.netboot.loader_config import LoaderConfigs
from lifeguard.netboot.loaders import grub, ipxe
from lifeguard.netboot.loaders.pxelinux import LOCALBOOT
from lifeguard.netboot.tftp import Refused
from lifeguard.simulator.pxelinux import parse_config, search_list
from tests.netboot_rig import (
    MAC,
    SERVER,
    TOKENS,
    Netboot,
    netboot,
    situation,
    texts,
)
from tests.test_files import no_descriptors

if TYPE_CHECKING:
    from pathlib import Path

    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.progress import Progress

ADDRESS, STRANGER = "192.0.2.101", "192.0.2.200"
SEARCH_LIST = search_list(MAC, ADDRESS)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER = NOW - timedelta(seconds=1)


@dataclass
class FakeLab:
    """One board, and what it was seen to fetch."""

    situation: Situation
    fetched: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def by_mac(self, mac: str) -> Situation | None:
        return self.situation if mac == self.situation.board.mac else None

    def by_address(self, address: str) -> Situation | None:
        return self.situation if address == self.situation.board.address else None

    def saw(self, board: str, event: str, progress: Progress) -> None:
        if event == "boot-config-fetched":
            self.fetched.append(board)
        self.steps.append(f"{event} {progress.generation}")


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
        content.sent(0, content.size)
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
    return Rig(BootServer(lab, parts.configs, files, lambda: NOW), lab, parts)


def test_every_name_on_the_list_is_the_image_and_is_reported(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    sent = [parts.ask(name) for name in SEARCH_LIST]
    assert sent == [parts.netboot.expected()] * len(SEARCH_LIST)
    assert parts.lab.fetched == ["panda-01"] * len(SEARCH_LIST)


def test_a_config_is_fetched_by_its_last_byte_and_once(tmp_path: Path) -> None:
    parts = rig(tmp_path, situation(Boots.WANTED))
    content = parts.server.resolve(SEARCH_LIST[0], ADDRESS)
    told = []
    for start, end in ((0, 8), (8, content.size - 1), (8, content.size), (8, 99)):
        content.sent(start, end)
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


def test_a_machine_without_descriptors_decides_nothing(tmp_path: Path) -> None:
    """The client is to ask again, not to boot its disk."""
    parts = rig(tmp_path, situation(Boots.WANTED))
    with capturedLogs() as events:
        for name in (SEARCH_LIST[0], "kernel"):
            with no_descriptors(), pytest.raises(OSError, match="open files"):
                parts.ask(name)
    assert texts(events) == []
    assert parts.ask(SEARCH_LIST[0]) == parts.netboot.expected()


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


# Other loaders. Each board's own names, and one that U-Boot would ask for.

SERIAL = "d2f5a8d1"
UUID = "b8945908-d6a6-41a9-611d-74a6ab80b83d"
SMBIOS_UUID = "085994b8-a6d6-a941-611d-74a6ab80b83d"
HEX = "C0000265"


def lab_of(
    tmp_path: Path, loader: str, asked: Situation, text: str = "{{ token }}"
) -> Rig:
    """A board whose image boots by this loader; every file says its own name."""
    names = [
        "pxelinux.cfg/default",
        "boot.ipxe",
        "grub.cfg",
        "grubnetx64.efi",
        "vmlinuz",
    ]
    for name in [*names, *(f"pi/{name}" for name in ("start4.elf", "kernel8.img"))]:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    template = tmp_path / "boot.j2"
    template.write_text(text)
    files = {"raspberry-pi": "pi", "uefi": "vmlinuz"}.get(loader)
    boot = Boot(loader=loader, template=str(template), files=files)
    board = structs.replace(asked.board, serial=SERIAL, uuid=UUID)
    inventory = Inventory(
        images={"debian": Image(name="debian", boot={"panda": boot})},
        boards={board.name: board},
    )
    configs = LoaderConfigs(inventory, TOKENS, SERVER)
    lab = FakeLab(asked._replace(board=board))
    root = Root(tmp_path / "root")
    server = BootServer(lab, configs, root, lambda: NOW)
    return Rig(server, lab, Netboot(template, configs))


TOKEN = TOKENS.token("panda-01", 3).encode()
DISK = "1 panda-01 boots its disk (Ready)"
PI_NAMES = [f"{SERIAL}/cmdline.txt", "02-00-00-00-00-01/cmdline.txt", "cmdline.txt"]
NAMES = {
    "pxelinux": [*SEARCH_LIST, f"pxelinux.cfg/{UUID}"],
    "ipxe": ["boot.ipxe", "autoexec.ipxe", f"{MAC}.ipxe", f"x/{UUID}.ipxe"],
    "grub": ["/grub/grub.cfg", f"/grub.cfg-{HEX}", "//grub.cfg-01-02-00-00-00-00-01"],
    "raspberry-pi": PI_NAMES,
}


@pytest.mark.parametrize("loader", NAMES)
def test_every_loader_is_given_its_image(tmp_path: Path, loader: str) -> None:
    parts = lab_of(tmp_path, loader, situation(Boots.WANTED))
    assert [parts.ask(name) for name in NAMES[loader]] == [TOKEN] * len(NAMES[loader])
    assert parts.lab.fetched == ["panda-01"] * len(NAMES[loader])


@pytest.mark.parametrize(
    ("loader", "how", "said"),
    [
        ("pxelinux", "not-found", DISK),
        ("pxelinux", "localboot", LOCALBOOT),
        ("ipxe", "not-found", DISK),
        ("ipxe", "exit", ipxe.EXIT),
        ("ipxe", "sanboot", ipxe.SANBOOT),
        ("grub", "exit", grub.EXIT),
        ("grub", "chainload", grub.CHAINLOAD),
        ("raspberry-pi", "not-found", DISK),
    ],
)
def test_every_loader_is_told_of_the_disk_in_its_own_way(
    tmp_path: Path, loader: str, how: str, said: bytes | str
) -> None:
    parts = lab_of(tmp_path, loader, situation(Boots.DISK, disk_boot=how))
    assert [parts.ask(name) for name in NAMES[loader]] == [said] * len(NAMES[loader])
    assert parts.lab.steps == []


@pytest.mark.parametrize("loader", ["ipxe", "grub"])
def test_the_names_of_a_loader_that_the_hardware_has_not_are_files(
    tmp_path: Path, loader: str
) -> None:
    parts = lab_of(tmp_path, loader, situation(Boots.DISK))
    sent = [parts.ask("pxelinux.cfg/default"), parts.ask("pxelinux.cfg/01-" + "0" * 12)]
    assert sent == [b"pxelinux.cfg/default", "not found"]


def test_marks_of_a_board_decide_from_another_address(tmp_path: Path) -> None:
    for loader, name in (
        ("grub", f"/grub.cfg-{UUID.upper()}"),
        ("pxelinux", f"pxelinux.cfg/{SMBIOS_UUID}"),
        ("raspberry-pi", f"{SERIAL}/cmdline.txt"),
    ):
        parts = lab_of(tmp_path, loader, situation(Boots.WANTED))
        assert (parts.ask(name, STRANGER), parts.lab.fetched) == (TOKEN, [])


def test_a_raspberry_pi_finds_its_images_files_in_its_folder_and_at_the_root(
    tmp_path: Path,
) -> None:
    parts = lab_of(tmp_path, "raspberry-pi", situation(Boots.WANTED))
    names = ["start4.elf", f"{SERIAL}/start4.elf", f"{SERIAL}/kernel8.img", "vmlinuz"]
    assert [parts.ask(name) for name in names] == [
        b"pi/start4.elf",
        b"pi/start4.elf",
        b"pi/kernel8.img",
        b"vmlinuz",
    ]
    assert parts.ask(f"{SERIAL}/dt-blob.bin") == "not found"
    assert parts.ask(f"{SERIAL}/../vmlinuz") == "not found"


def test_a_raspberry_pi_that_boots_its_disk_finds_nothing_at_all(
    tmp_path: Path,
) -> None:
    parts = lab_of(tmp_path, "raspberry-pi", situation(Boots.DISK))
    names = ["start4.elf", "config.txt", f"{SERIAL}/start4.elf", "overlays/x.dtbo"]
    assert [parts.ask(name) for name in names] == [DISK] * 4


def with_boot_file(asked: Situation, how: str) -> Situation:
    hardware = structs.replace(
        asked.hardware, disk_boot=how, boot_file=("grubnetx64.efi",)
    )
    return asked._replace(hardware=hardware)


@pytest.mark.parametrize(
    ("boots", "how", "said"),
    [
        (Boots.WANTED, "not-found", b"grubnetx64.efi"),
        (Boots.DISK, "not-found", DISK),
        (Boots.DISK, "exit", b"grubnetx64.efi"),
        (Boots.NOTHING, "not-found", b"grubnetx64.efi"),
    ],
)
def test_firmware_finds_its_boot_file_where_the_loader_is_wanted(
    tmp_path: Path, boots: Boots, how: str, said: bytes | str
) -> None:
    asked = with_boot_file(situation(boots), how)
    parts = lab_of(tmp_path, "grub", asked)
    assert [parts.ask(name) for name in ("grubnetx64.efi", "/grubnetx64.efi")] == [
        said
    ] * 2
    assert parts.ask("grubnetx64.efi", STRANGER) == b"grubnetx64.efi"
    assert parts.lab.steps == []


def test_uefi_runs_the_images_own_program(tmp_path: Path) -> None:
    asked = with_boot_file(situation(Boots.WANTED), "not-found")
    parts = lab_of(tmp_path, "uefi", asked)
    assert (parts.ask("grubnetx64.efi"), parts.lab.fetched) == (
        b"vmlinuz",
        ["panda-01"],
    )


def test_an_image_that_boots_by_another_loader_is_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    parts = lab_of(tmp_path, "grub", situation(Boots.WANTED))
    boot = Boot(loader="ipxe", template="x")
    rescue = Image(name="rescue", boot={"panda": boot})
    images = {**parts.netboot.configs.inventory.images, "rescue": rescue}
    configs = LoaderConfigs(Inventory(images=images), TOKENS, SERVER)
    server = BootServer(parts.lab, configs, None, lambda: NOW)
    sent = parts._replace(server=server).ask("boot.ipxe")
    assert sent == "1 panda-01 boots debian by grub"


# Boards that are in no inventory.


def discovery(tmp_path: Path, text: str) -> Rig:
    """panda-01 by PXELINUX, and something for whoever is unknown and has iPXE."""
    parts = rig(tmp_path, situation(Boots.WANTED))
    template = tmp_path / "discovery.ipxe.j2"
    template.write_text(text)
    unknown = {"ipxe": Boot(loader="ipxe", template=str(template))}
    inventory = structs.replace(parts.netboot.configs.inventory, unknown_boards=unknown)
    configs = LoaderConfigs(inventory, TOKENS, SERVER)
    server = BootServer(parts.lab, configs, Root(tmp_path / "root"), lambda: NOW)
    return parts._replace(server=server)


def test_an_unknown_board_is_seen_and_gets_what_the_lab_has_for_its_loader(
    tmp_path: Path,
) -> None:
    parts = discovery(tmp_path, "{{ mac }} {{ address }} {{ server.name }}")
    name = "02-00-00-00-00-99.ipxe"
    sent = [parts.ask(name, STRANGER), parts.ask(SEARCH_LIST[-1], STRANGER)]
    assert sent == [b"02:00:00:00:00:99 192.0.2.200 lab-1", b"file"]
    [seen] = parts.server.unknown_boards.seen()
    assert (seen.mac, seen.address, seen.first_seen, seen.requests, seen.asked) == (
        "02:00:00:00:00:99",
        STRANGER,
        NOW,
        2,
        (name, SEARCH_LIST[-1]),
    )
    assert (parts.lab.steps, parts.ask("kernel", STRANGER)) == ([], b"kernel")


def test_a_fault_of_the_unknown_boards_template_is_told_and_logged_once(
    tmp_path: Path,
) -> None:
    parts = discovery(tmp_path, "{{ board.name }}")
    with capturedLogs() as events:
        sent = [parts.ask("boot.ipxe", STRANGER) for _ in range(2)]
    reason = "discovery.ipxe.j2, line 1: 'board' is undefined"
    assert sent == [f"1 unknown_boards.ipxe: {reason}"] * 2
    assert texts(events) == [f"unknown_boards.ipxe: nothing to boot: {reason}"]


@pytest.mark.parametrize("boots", [Boots.DISK, Boots.WANTED, Boots.NOTHING])
def test_a_known_board_is_never_seen_as_unknown(tmp_path: Path, boots: Boots) -> None:
    parts = discovery(tmp_path, "discovery")
    for name in (*SEARCH_LIST, "boot.ipxe", "kernel"):
        assert parts.ask(name) != b"discovery"
    assert parts.server.unknown_boards.seen() == []


# How far a boot has come.

PXE = "label x\n kernel /debian/vmlinuz\n append initrd=initrd.gz {{ token }}\n"


def test_each_end_of_kernel_and_initrd_is_told_once(tmp_path: Path) -> None:
    parts = lab_of(tmp_path, "pxelinux", situation(Boots.WANTED), PXE)
    (tmp_path / "root" / "initrd.gz").write_bytes(b"initrd")
    for name in (SEARCH_LIST[0], "initrd.gz", "vmlinuz", "vmlinuz", "boot.ipxe"):
        parts.ask(name)
    assert parts.lab.steps == [
        "boot-config-fetched 3",
        "initrd-begun 3",
        "initrd-fetched 3",
        "kernel-begun 3",
        "kernel-fetched 3",
    ]
    parts.ask("vmlinuz", STRANGER)
    parts.ask(SEARCH_LIST[0])
    aborted = parts.server.resolve("/vmlinuz", ADDRESS)
    aborted.sent(0, 3)
    aborted.close()
    assert parts.lab.steps[5:] == ["boot-config-fetched 3", "kernel-begun 3"]


def test_a_raspberry_pis_kernel_is_told_by_its_name(tmp_path: Path) -> None:
    parts = lab_of(tmp_path, "raspberry-pi", situation(Boots.WANTED))
    for name in ("start4.elf", "cmdline.txt", "start4.elf", "kernel8.img"):
        parts.ask(f"{SERIAL}/{name}")
    assert parts.lab.steps == [
        "boot-config-fetched 3",
        "kernel-begun 3",
        "kernel-fetched 3",
    ]


def test_a_boot_is_followed_on_after_a_restart(tmp_path: Path) -> None:
    parts = lab_of(tmp_path, "pxelinux", situation(Boots.WANTED), PXE)
    steps = {"kernel-fetched": EARLIER, "boot-config-fetched": NOW}
    progress = parts.server.recall(parts.lab.situation, SeenBoot("debian", steps))
    assert progress.steps == {"boot-config-fetched": NOW}
    assert progress.summary() == (
        "it fetched its boot config, but never its kernel and never its initrd"
    )
    parts.ask("vmlinuz")
    assert parts.lab.steps == ["kernel-begun 3", "kernel-fetched 3"]


@pytest.mark.parametrize("why", ["disk", "other-image", "no-address", "fault"])
def test_nothing_is_missed_of_a_boot_whose_config_cannot_be_had_again(
    tmp_path: Path, why: str
) -> None:
    asked = situation(Boots.DISK if why == "disk" else Boots.WANTED)
    if why == "no-address":
        asked = asked._replace(board=structs.replace(asked.board, address=None))
    text = "{{ absent }}" if why == "fault" else PXE
    parts = lab_of(tmp_path, "pxelinux", asked, text)
    image = "rescue" if why == "other-image" else "debian"
    steps = {"boot-config-fetched": EARLIER, "kernel-begun": NOW}
    progress = parts.server.recall(parts.lab.situation, SeenBoot(image, steps))
    assert (progress.image, progress.steps) == (image, steps)
    assert progress.summary() == (
        "it fetched its boot config, but not all of its kernel"
    )
    parts.ask("vmlinuz")
    assert parts.lab.steps == []
