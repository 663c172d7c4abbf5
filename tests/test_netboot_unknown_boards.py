"""Unknown boards are remembered by address, and few of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from lifeguard.netboot.names import SearchName
from lifeguard.netboot.unknown_boards import (
    LONGEST_NAME,
    MOST,
    MOST_NAMES,
    UnknownBoard,
    UnknownBoards,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WHO_ASKS = SearchName("pxelinux")


def rig() -> UnknownBoards:
    """A second goes by with each request."""
    seconds = count()
    return UnknownBoards(lambda: EPOCH + timedelta(seconds=next(seconds)))


def test_what_the_names_tell_of_a_board_is_put_together() -> None:
    boards = rig()
    boards.asks("192.0.2.9", "a", SearchName("pxelinux", uuid="u"))
    boards.asks("192.0.2.9", "b", SearchName("pxelinux", mac="m"))
    boards.asks("192.0.2.9", "a", WHO_ASKS)
    assert boards.seen() == [
        UnknownBoard(
            address="192.0.2.9",
            mac="m",
            uuid="u",
            first_seen=EPOCH,
            last_seen=EPOCH + timedelta(seconds=2),
            requests=3,
            asked=("b", "a"),
        )
    ]


def test_the_newest_comes_first_and_the_oldest_makes_room() -> None:
    boards = rig()
    addresses = [f"192.0.2.{number}" for number in range(MOST + 2)]
    for address in (*addresses, addresses[2]):
        boards.asks(address, "x", WHO_ASKS)
    assert [board.address for board in boards.seen()] == [
        addresses[2],
        *addresses[:2:-1],
    ]


def test_names_are_few_and_short() -> None:
    boards = rig()
    for number in range(MOST_NAMES + 5):
        boards.asks("192.0.2.9", f"{number:02}" + "x" * 9999, WHO_ASKS)
    [board] = boards.seen()
    assert [name[:2] for name in board.asked] == [f"{n:02}" for n in range(5, 21)]
    assert {len(name) for name in board.asked} == {LONGEST_NAME}
