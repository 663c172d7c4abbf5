"""What a request's options come to.

"Line n" is the n-th habit of boot loaders in the lab's notes on TFTP clients.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.netboot.negotiation import UnknownMode, negotiate
from lifeguard.wire.tftp import Data, Oack, Options, Rrq
from tests.transfer_rig import ack, rig, transfer_of


def granted(*options: tuple[str, str], mode: str = "octet", size: int = 7) -> Options:
    return negotiate(Rrq("f", mode, options), size).granted


def test_a_request_without_options_gets_data_of_512_bytes() -> None:
    """Line 2: never an OACK for the Pi's boot ROM."""
    terms = negotiate(Rrq("f", "octet"), 1000)
    transfer = transfer_of(b"x" * 1000, terms)
    assert transfer.start(0.0) == [bytes(Data(1, b"x" * 512))]


def test_known_options_get_an_oack_and_no_data_before_its_ack() -> None:
    """Line 3: GRUB gives up without an OACK."""
    transfer = rig(b"abc", granted=(("tsize", "3"),))
    assert transfer.start(0.0) == [bytes(Oack((("tsize", "3"),)))]
    assert transfer.on_packet(ack(0), 0.1) == [bytes(Data(1, b"abc"))]


def test_nothing_is_granted_that_was_not_asked() -> None:
    """Line 4: PXELINUX and EDK2 refuse more than they asked for."""
    assert [granted(), granted(("blksize", "1408"))] == [(), (("blksize", "1408"),)]


def test_a_timeout_is_echoed_exactly_or_left_out() -> None:
    """Line 4: U-Boot refuses any other value."""
    asked = ["1", "5", "255", "0", "256", "-1"]
    assert [granted(("timeout", value)) for value in asked] == [
        (("timeout", "1"),),
        (("timeout", "5"),),
        (("timeout", "255"),),
        (),
        (),
        (),
    ]


def test_spelling_and_order_are_the_clients() -> None:
    """Line 5: U-Boot and GRUB compare bytes; no byte follows the last NUL."""
    options = (("TSIZE", "0"), ("BlkSize", "0512"), ("timeout", "5"))
    answer = granted(*options)
    assert answer == (("TSIZE", "7"), ("BlkSize", "512"), ("timeout", "5"))
    assert bytes(Oack(answer)) == b"\0\6TSIZE\x007\0BlkSize\x00512\0timeout\x005\0"


values = st.integers(-1, 70_000).map(str) | st.text(max_size=6)
names = st.sampled_from(["blksize", "BLKSIZE", "tsize", "timeout", "windowsize", "x"])


@given(st.lists(st.tuples(names, values)), st.sampled_from([36, 1024, 1468]))
def test_no_more_is_granted_than_was_asked_for(
    asked: list[tuple[str, str]], block_size: int
) -> None:
    """Lines 4 to 6: whatever is asked, in what order, and how often."""
    terms = negotiate(Rrq("f", "octet", tuple(asked)), 7, block_size=block_size)
    unread = iter(asked)
    for granted in terms.granted:
        assert any(is_granted(option, granted) for option in unread)
    told = {spelling.lower(): int(value) for spelling, value in terms.granted}
    assert len(told) == len(terms.granted)
    assert terms.block_size == told.get("blksize", 512) <= max(block_size, 512)
    assert (terms.window_size, terms.timeout) == (
        told.get("windowsize", 1),
        told.get("timeout"),
    )


def is_granted(asked: tuple[str, str], granted: tuple[str, str]) -> bool:
    """Whether this option, in this spelling, may be answered by that."""
    (name, wanted), (spelling, value) = asked, granted
    if name != spelling or not (wanted.isascii() and wanted.isdigit()):
        return False
    match name.lower():
        case "tsize":
            return value == "7"
        case "timeout":
            return int(value) == int(wanted) in range(1, 256)
        case "blksize":
            return 8 <= int(value) <= int(wanted) <= 65464
        case "windowsize":
            return 1 <= int(value) <= min(int(wanted), 64)
    return False


@pytest.mark.parametrize("value", ["7", "0", "abc", "", "65465", "-8", "9" * 5000, "²"])
def test_an_illegal_block_size_is_ignored_alone(value: str) -> None:
    """Line 6."""
    assert granted(("blksize", value), ("tsize", "0")) == (("tsize", "7"),)


@pytest.mark.parametrize("value", ["0", "65536", "four", "+4", " 4"])
def test_an_illegal_window_is_ignored_alone(value: str) -> None:
    """Line 6."""
    assert granted(("windowsize", value), ("tsize", "0")) == (("tsize", "7"),)


@pytest.mark.parametrize(
    ("asked", "size"),
    [("8", 8), ("1024", 1024), ("1468", 1468), ("1469", 1468), ("65464", 1468)],
)
def test_blocks_are_no_larger_than_a_frame_holds(asked: str, size: int) -> None:
    """Line 6: clamped, never raised."""
    terms = negotiate(Rrq("f", "octet", (("blksize", asked),)), 0)
    assert (terms.block_size, terms.granted) == (size, (("blksize", str(size)),))


@pytest.mark.parametrize(("asked", "size"), [("4", 4), ("64", 64), ("65535", 64)])
def test_a_window_is_granted_up_to_64(asked: str, size: int) -> None:
    """Line 7."""
    terms = negotiate(Rrq("f", "octet", (("windowsize", asked),)), 0)
    assert (terms.window_size, terms.granted) == (size, (("windowsize", str(size)),))


def test_the_size_is_told_exactly() -> None:
    """Lines 8 and 25: also when it is 0."""
    assert [granted(("tsize", "0"), size=size) for size in (0, 2**33)] == [
        (("tsize", "0"),),
        (("tsize", "8589934592"),),
    ]


def test_unknown_options_are_ignored_in_silence() -> None:
    """Line 10."""
    options = [("multicast", ""), ("blksize2", "512"), ("utimeout", "100")]
    assert granted(*options, ("rollover", "0"), ("tsize", "0")) == (("tsize", "7"),)
    assert granted(*options) == ()


def test_an_option_named_twice_counts_once() -> None:
    assert granted(("blksize", "512"), ("BLKSIZE", "8")) == (("blksize", "512"),)


def test_the_mode_may_be_in_any_case() -> None:
    """Line 1."""
    modes = [
        negotiate(Rrq("f", mode), 0).mode for mode in ("OCTET", "octet", "NetASCII")
    ]
    assert modes == ["octet", "octet", "netascii"]
    with pytest.raises(UnknownMode):
        negotiate(Rrq("f", "mail"), 0)


def test_the_size_of_a_text_is_not_told() -> None:
    """Line 1: left out rather than wrong."""
    options = (("tsize", "0"), ("blksize", "8"))
    assert granted(*options, mode="netascii") == (("blksize", "8"),)
