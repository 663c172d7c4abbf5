"""The names that loaders were seen to ask for, what they mean, and what is loaded."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.model import DiskBoot, LoaderName
from lifeguard.netboot.loaders import LOADERS, parse_search_name
from lifeguard.netboot.names import SearchName, mac_name, path_parts, same_file

MAC = "52:54:00:77:00:0b"
UUID = "b8945908-d6a6-41a9-611d-74a6ab80b83d"
BY_MAC, WHO_ASKS = SearchName("pxelinux", mac=MAC), SearchName("pxelinux")

octets = st.lists(st.integers(0, 255), min_size=6, max_size=6)
folders = st.sampled_from(["", "/", "//", "sub/dir/", "/sub/", "sub\\", "./"])


def pi(file: str, **told: str) -> SearchName:
    return SearchName("raspberry-pi", file=file, **told)


def test_the_search_list_of_u_boot() -> None:
    names = [
        "01-52-54-00-77-00-0b",
        "0A4D000B",
        "0A4D000",
        "0A4D00",
        "0A4D0",
        "0A4D",
        "0A4",
        "0A",
        "0",
        "default-arm",
        "default",
        "default-arm-omap4-panda",
    ]
    meant = [parse_search_name(f"pxelinux.cfg/{name}") for name in names]
    assert meant == [BY_MAC] + [WHO_ASKS] * 11


@pytest.mark.parametrize(
    ("filename", "meant"),
    [
        (f"pxelinux.cfg/{UUID.upper()}", SearchName("pxelinux", uuid=UUID)),
        ("boot.ipxe", SearchName("ipxe")),
        ("/sub/autoexec.ipxe", SearchName("ipxe")),
        (f"{MAC}.ipxe", SearchName("ipxe", mac=MAC)),
        ("01-52-54-00-77-00-0B.ipxe", SearchName("ipxe", mac=MAC)),
        ("52540077000b.ipxe", SearchName("ipxe", mac=MAC)),
        (f"{UUID}.ipxe", SearchName("ipxe", uuid=UUID)),
        ("/grub/grub.cfg", SearchName("grub")),
        ("/boot/grub/x86_64-efi/grub.cfg", SearchName("grub")),
        ("//grub.cfg-01-52-54-00-77-00-0b", SearchName("grub", mac=MAC)),
        ("/grub.cfg-0A4D000", SearchName("grub")),
        (f"/grub.cfg-{UUID}", SearchName("grub", uuid=UUID)),
        ("d2f5a8d1/start.elf", pi("start.elf", serial="d2f5a8d1")),
        ("D2F5A8D1/overlays/x.dtbo", pi("overlays/x.dtbo", serial="d2f5a8d1")),
        ("52-54-00-77-00-0b/vmlinuz", pi("vmlinuz", mac=MAC)),
        ("cmdline.txt", pi("cmdline.txt")),
        ("overlays/overlay_map.dtb", pi("overlays/overlay_map.dtb")),
    ],
)
def test_a_name_tells_the_loader_and_what_it_says_of_the_board(
    filename: str, meant: SearchName
) -> None:
    assert parse_search_name(filename) == meant


def test_what_the_firmware_of_raspberry_pis_asks_for_at_the_root() -> None:
    names = [
        *("bootcode.bin", "bootsig.bin", "autoboot.txt", "config.txt", "cmdline.txt"),
        *("start.elf", "start4.elf", "start_x.elf", "start4cd.elf", "recovery.elf"),
        *("fixup.dat", "fixup4.dat", "fixup_x.dat", "recover4.elf", "bootcfg.txt"),
        *("pieeprom.sig", "pieeprom.upd", "vl805.sig", "boot.img", "boot.sig"),
        *("dt-blob.bin", "armstub8-32-gic.bin", "recovery8.img", "initramfs8"),
        *("kernel8.img", "kernel7l.img", "kernel_2712.img", "bcm2710-rpi-3-b.dtb"),
        *("bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb"),
    ]
    meant = [parse_search_name(name) for name in names]
    assert meant == [pi(name) for name in names]


@given(octets, folders, st.booleans())
def test_a_mac_is_found_in_any_case_and_folder(
    octets: list[int], folder: str, upper: bool
) -> None:
    mac = ":".join(f"{octet:02x}" for octet in octets)
    name = mac_name(mac).upper() if upper else mac_name(mac)
    meant = [
        parse_search_name(f"{folder}{file}")
        for file in (f"pxelinux.cfg/{name}", f"grub.cfg-{name}", f"{name}.ipxe")
    ]
    assert meant == [
        SearchName("pxelinux", mac=mac),
        SearchName("grub", mac=mac),
        SearchName("ipxe", mac=mac),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "pxelinux.cfg",
        "pxelinux.cfg/",
        "pxelinux.0",
        "arm64/kernel",
        "01-52-54-00-77-00-0b",
        "default",
        "pxelinux.cfg/sub/default",
        "pxelinux.cfg/defaults",
        "pxelinux.cfg/0A4D000B0",
        "pxelinux.cfg/xyz",
        "pxelinux.cfg/01-52-54-00-77-00",
        "pxelinux.cfg/01-52-54-00-77-00-0b-00",
        "pxelinux.cfg/20-52-54-00-77-00-0b",
        "pxelinux.cfg/01-52-54-00-77-00-0b\n",
        "pxelinux.cfg/\u0661",
        "menu.ipxe",
        "boot.ipxe/x",
        "grub.cfg.d/x",
        "grub/x86_64-efi/command.lst",
        "grub.cfg-01-52-54-00-77-00",
        "sub/config.txt",
        "sub/d2f5a8d1/start.elf",
        "d2f5a8d1",
        "d2f5a8d10/start.elf",
        "start.elf.bak",
        "overlays",
    ],
)
def test_any_other_file_means_no_board(name: str) -> None:
    assert parse_search_name(name) is None


@given(st.text())
def test_no_name_is_too_strange(name: str) -> None:
    parse_search_name(name)
    for loader in LOADERS.values():
        loader.parse([name])
        loader.parse(["pxelinux.cfg", name])
        loader.parts(name)


def test_every_loader_of_the_model_is_there_and_every_way_to_the_disk() -> None:
    assert list(LOADERS) == list(get_args(LoaderName))
    ways = {way for loader in LOADERS.values() for way in loader.disk}
    assert ways == set(get_args(DiskBoot))


@pytest.mark.parametrize(
    ("loader", "config", "parts"),
    [
        (
            "pxelinux",
            "label x\n  KERNEL debian/vmlinuz\n  Initrd debian/i.gz,more.gz\n",
            {"debian/vmlinuz": "kernel", "debian/i.gz": "initrd"},
        ),
        (
            "pxelinux",
            "linux tftp://192.0.2.1/v\nappend quiet initrd=/i.gz root=/dev/ram",
            {"/v": "kernel", "/i.gz": "initrd"},
        ),
        ("pxelinux", "fit /x.itb#conf-1\nappend noinitrd=i", {"/x.itb": "kernel"}),
        (
            "ipxe",
            "#!ipxe\nkernel --name k http://192.0.2.1:8080/files/v a=b initrd=x\n"
            "initrd ${base}/i.gz\nboot",
            {"/files/v": "kernel", "/i.gz": "initrd"},
        ),
        (
            "grub",
            "menuentry x {\n\tlinux (tftp,192.0.2.1)/v quiet\n\tinitrdefi /i.gz\n}\n",
            {"/v": "kernel", "/i.gz": "initrd"},
        ),
        ("grub", "exit\n", {}),
        ("uefi", "", {}),
    ],
)
def test_a_config_names_its_kernel_and_initrd(
    loader: LoaderName, config: str, parts: dict[str, str]
) -> None:
    assert LOADERS[loader].parts(config) == parts


@pytest.mark.parametrize(
    ("asked", "named", "same"),
    [
        ("debian/vmlinuz", "debian/vmlinuz", True),
        ("//debian/vmlinuz", "debian/vmlinuz", True),
        ("sub/debian/vmlinuz", "debian/vmlinuz", True),
        ("debian/vmlinuz", "/files/debian/vmlinuz", True),
        ("debian/vmlinuz", "rescue/vmlinuz", False),
        ("debian/vmlinuz", "debian", False),
        ("vmlinuz", "", False),
    ],
)
def test_a_file_is_known_with_other_folders_before_it(
    asked: str, named: str, same: bool
) -> None:
    assert same_file(path_parts(asked), path_parts(named)) is same
