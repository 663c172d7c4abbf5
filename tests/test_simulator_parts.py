"""The simulator's pure parts: faults, boot files, boot configs, plans and texts."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from lifeguard.simulator.artifacts import (
    Artifact,
    ArtifactError,
    build_artifact,
    read_artifact,
)
from lifeguard.simulator.configuration import TEMPLATE
from lifeguard.simulator.faults import Faults, FaultsError, parse_faults
from lifeguard.simulator.plan import MOST_BOARDS, plan_boards
from lifeguard.simulator.pxelinux import Netboot, parse_config, search_list

INSTALLER = Artifact("installer", "debian")


def test_one_number_scales_all_faults_but_leaves_no_board_dead() -> None:
    assert parse_faults("0.1") == Faults(
        hang=0.1, die=0.1, relay=0.025, lost=0.1, late=0.05, loss=0.01
    )


def test_faults_not_named_do_not_happen() -> None:
    assert parse_faults("hang=0.05, dead=1") == Faults(hang=0.05, dead=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2", "a rate is a number from 0 to 1, not '2'"),
        ("nan", "a rate is a number from 0 to 1, not 'nan'"),
        ("", "a rate is a number from 0 to 1, not ''"),
        ("hang=much", "a rate is a number from 0 to 1, not 'much'"),
        ("fire=0.1", "no fault 'fire'; there are hang, die, relay, lost, late, loss, "),
    ],
)
def test_what_is_no_rate_is_named(text: str, said: str) -> None:
    with pytest.raises(FaultsError) as caught:
        parse_faults(text)
    assert str(caught.value).startswith(said)


def test_a_boot_file_says_what_it_is() -> None:
    assert read_artifact(build_artifact(INSTALLER, 5000, Random(1))) == INSTALLER


def test_the_same_seed_makes_the_same_boot_file() -> None:
    one, other = (build_artifact(INSTALLER, 500, Random(1)) for _ in range(2))
    assert one == other


@given(st.integers(0, 599), st.integers(1, 255))
def test_one_wrong_byte_is_found_out(position: int, flip: int) -> None:
    data = bytearray(build_artifact(INSTALLER, 600, Random(1)))
    data[-1 - position] ^= flip
    with pytest.raises(ArtifactError):
        read_artifact(bytes(data))


@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_boot_file(data: bytes) -> None:
    with pytest.raises(ArtifactError):
        read_artifact(data)


def test_a_loader_searches_by_mac_then_by_shorter_and_shorter_address() -> None:
    names = search_list("52:54:00:77:00:0b", "10.77.0.11")
    assert [name.removeprefix("pxelinux.cfg/") for name in names] == [
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


def test_the_template_is_a_config_that_boots_the_image() -> None:
    template = SandboxedEnvironment(undefined=StrictUndefined).from_string(TEMPLATE)
    text = template.render(
        board={"name": "sim-01"},
        image={"name": "debian"},
        cmdline="lifeguard.url=http://x/events lifeguard.token=1.ab",
    )
    assert parse_config(text) == Netboot(
        "debian/kernel",
        "debian/initrd",
        {
            "console": "ttyS0",
            "lifeguard.url": "http://x/events",
            "lifeguard.token": "1.ab",
        },
    )


@pytest.mark.parametrize(
    ("config", "kernel"),
    [
        ("DEFAULT b\nLABEL a\n LINUX one\nLABEL b\n\tKERNEL two\n", "two"),
        ("label a\nlinux one\nlabel b\nlinux two", "one"),
        ("default gone\nlabel a\nlinux one", "one"),
        ("default a\nlabel a\nlocalboot 0\nkernel one", None),
        ("default a\nlabel a\nappend quiet", None),
        ("kernel outside", None),
        ("", None),
    ],
)
def test_the_default_label_or_else_the_first_decides(
    config: str, kernel: str | None
) -> None:
    netboot = parse_config(config)
    assert (netboot.kernel if netboot else None) == kernel


@given(st.text(max_size=300))
def test_no_boot_config_is_too_odd_to_read(config: str) -> None:
    parse_config(config)


def test_eight_boards_share_a_relay_board() -> None:
    boards = plan_boards(9)
    outlets = [(board.relay_board, board.relay) for board in boards]
    assert outlets == [("rack1", relay) for relay in range(1, 9)] + [("rack2", 1)]
    assert boards[8].name == "sim-09"
    assert boards[8].mac == "02:00:00:00:00:09"
    assert boards[8].address == "127.1.0.9"


def test_even_in_the_largest_lab_nothing_is_given_out_twice() -> None:
    boards = plan_boards(MOST_BOARDS)
    for field in ("name", "mac", "address"):
        assert len({getattr(board, field) for board in boards}) == MOST_BOARDS
