"""Every boot is tried out before any board meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Boot, Hardware, Image, Inventory
from lifeguard.netboot.rehearsal import rehearse
from lifeguard.tap import read
from tests.netboot_rig import SERVER

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
{{ board.name }} {{ board.mac }} {{ board.serial }} {{ image.name }} {{ token }}
{{ hardware.name }} {{ server.url }} {{ events_url }} {{ cmdline }}
{{ boot_config.suite | default("stable") }} {{ boot_config.network.dns | tojson }}
{% for disk in boot_config.disks %}{{ disk }}{% endfor %}
"""


def lab(tmp_path: Path, text: str, loader: str = "pxelinux", **of: object) -> Inventory:
    """One image by one template, on minnows, which are as told."""
    template = tmp_path / "boot.j2"
    template.write_text(text)
    boot = Boot(loader=loader, template=str(template))
    return Inventory(
        hardware={"minnow": Hardware(name="minnow", lifecycle=LIFECYCLE, **of)},
        images={"debian": Image(name="debian", boot={"minnow": boot})},
    )


def test_a_template_may_use_all_that_a_boot_is_about(tmp_path: Path) -> None:
    assert rehearse(lab(tmp_path, GOOD), SERVER) == []


def test_a_mistake_names_image_hardware_file_and_line(tmp_path: Path) -> None:
    assert rehearse(lab(tmp_path, "\n{{ bord.name }}"), SERVER) == [
        "images.debian.boot.minnow.template: boot.j2, line 2: 'bord' is undefined"
    ]


@pytest.mark.parametrize(("kind", "count"), [("minnow", 1), ("panda", 0)])
def test_a_branch_is_tried_by_the_hardware_it_is_for(
    tmp_path: Path, kind: str, count: int
) -> None:
    text = f"{{% if hardware.name == '{kind}' %}}{{{{ absent }}}}{{% endif %}}"
    assert len(rehearse(lab(tmp_path, text), SERVER)) == count


def test_what_unknown_boards_boot_is_tried_too(tmp_path: Path) -> None:
    template = tmp_path / "discovery.j2"
    unknown = {"ipxe": Boot(loader="ipxe", template=str(template))}
    met = []
    for text in ("{{ mac }} {{ uuid }} {{ serial }} {{ server.url }}", "{{ board }}"):
        template.write_text(text)
        met += rehearse(Inventory(unknown_boards=unknown), SERVER)
    assert met == [
        "unknown_boards.ipxe.template: discovery.j2, line 1: 'board' is undefined"
    ]


@pytest.mark.parametrize(
    ("loader", "how", "boot_file"),
    [
        ("pxelinux", "localboot", ()),
        ("ipxe", "sanboot", ()),
        ("grub", "exit", ()),
        ("grub", "not-found", ("grubnetx64.efi",)),
        ("raspberry-pi", "not-found", ()),
    ],
)
def test_a_loader_can_be_told_of_the_disk_or_is_not_loaded_for_it(
    tmp_path: Path, loader: str, how: str, boot_file: tuple[str, ...]
) -> None:
    inventory = lab(tmp_path, "x", loader, disk_boot=how, boot_file=boot_file)
    assert rehearse(inventory, SERVER) == []


@pytest.mark.parametrize(
    ("loader", "how", "ways"),
    [
        ("grub", "not-found", '"exit" or "chainload"'),
        ("ipxe", "localboot", '"not-found" or "exit" or "sanboot"'),
        ("raspberry-pi", "exit", '"not-found"'),
    ],
)
def test_a_loader_that_cannot_be_told_of_the_disk_is_a_mistake(
    tmp_path: Path, loader: str, how: str, ways: str
) -> None:
    assert rehearse(lab(tmp_path, "x", loader, disk_boot=how), SERVER) == [
        f'hardware.minnow.disk_boot: "{how}" cannot be said to {loader},'
        f" by which images.debian.boot.minnow boots; {ways} can"
    ]


def test_lifeguard_does_not_start_before_every_boot_can_be_had(tmp_path: Path) -> None:
    (tmp_path / "lifeguard.toml").touch()
    (tmp_path / "debian.j2").write_text("{{ bord }}")
    boards = tmp_path / "boards.toml"
    boards.write_text(
        """
        [hardware.minnow]
        [images.debian.boot.minnow]
        loader = "grub"
        template = "debian.j2"
        """
    )
    with pytest.raises(SystemExit) as ending:
        read(tmp_path / "lifeguard.toml", None)
    assert str(ending.value).splitlines() == [
        f'{boards}: hardware.minnow.disk_boot: "not-found" cannot be said to grub,'
        ' by which images.debian.boot.minnow boots; "exit" or "chainload" can',
        f"{boards}: images.debian.boot.minnow.template: debian.j2, line 1:"
        " 'bord' is undefined",
    ]
