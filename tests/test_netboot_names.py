"""The names that loaders were seen to ask for, and what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.netboot.names import SearchName, mac_name, parse_search_name

BY_MAC = SearchName("52:54:00:77:00:0b")
WHO_ASKS = SearchName()

octets = st.lists(st.integers(0, 255), min_size=6, max_size=6)
folders = st.sampled_from(["", "/", "//", "sub/dir/", "/sub/", "sub\\", "./"])


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
    ]
    meant = [parse_search_name(f"pxelinux.cfg/{name}") for name in names]
    assert meant == [BY_MAC] + [WHO_ASKS] * 10


@pytest.mark.parametrize(
    "name",
    [
        "b8945908-d6a6-41a9-611d-74a6ab80b83d",
        "B8945908-D6A6-41A9-611D-74A6AB80B83D",
        "default-arm-omap4-panda",
    ],
)
def test_a_name_that_tells_no_mac_means_who_asks(name: str) -> None:
    assert parse_search_name(f"pxelinux.cfg/{name}") == WHO_ASKS


@given(octets, folders, st.booleans())
def test_a_mac_is_found_in_any_case_and_folder(
    octets: list[int], folder: str, upper: bool
) -> None:
    mac = ":".join(f"{octet:02x}" for octet in octets)
    name = mac_name(mac).upper() if upper else mac_name(mac)
    assert parse_search_name(f"{folder}pxelinux.cfg/{name}") == SearchName(mac)


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
    ],
)
def test_any_other_file_means_no_board(name: str) -> None:
    assert parse_search_name(name) is None


@given(st.text())
def test_no_name_is_too_strange(name: str) -> None:
    parse_search_name(name)
    parse_search_name(f"pxelinux.cfg/{name}")
