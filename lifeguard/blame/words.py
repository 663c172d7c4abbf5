"""What incidents say of themselves: the rule that was met, with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from lifeguard.blame.images import ImageCase
    from lifeguard.blame.together import TogetherCase
    from lifeguard.model import Cause, HistoryRow

MOST_NAMES = 8
"""Of longer lists the rest is counted."""


def image_is_set_aside(case: ImageCase) -> str:
    """The evidence, and the way back."""
    others = dict.fromkeys(case.boards.values())
    did_well = "all did well" if len(case.boards) > 1 else "did well"
    return (
        f"image {case.image} is set aside: it failed (first in {case.state}) on"
        f" {names(case.boards)} since {case.since:%Y-%m-%d %H:%M:%S} UTC, which"
        f" {did_well} with {names(others)}, and it did well on no board since;"
        f" POST /api/v1/images/{case.image}/release takes it back"
    )


def boards_fail_together(case: TogetherCase, patience: float) -> str:
    """The figures, and what follows."""
    return (
        f"{case.cause}: {len(case.boards)} of the {case.sharing} boards that share it"
        f" fail ({names(case.boards)}), and {case.others_failing} of the"
        f" {case.others} others; strikes of its boards do not count until they do well"
        f" again, at most {patience:g} s"
    )


def relay_board_is_broken(cause: Cause, why: str, boards: Collection[str]) -> str:
    """Who waits for it."""
    waiting = f" ({names(boards)})" if boards else ""
    wait = "1 board waits" if len(boards) == 1 else f"{len(boards)} boards wait"
    return f"{cause} is broken: {why}; {wait} for it{waiting}"


def board_is_given_up(row: HistoryRow) -> str:
    """How it came to its state."""
    came = f"board {row.board}: {row.from_state} -- {row.event} --> {row.to_state}"
    return f"{came}: {row.reason}" if row.reason else came


def boards_do_well(failing: int, boards: int) -> str:
    """Why it is over."""
    return f"no more than {failing} of its {boards} boards still fail"


def names(of: Collection[str]) -> str:
    """A list as people write one: "a, b and c"."""
    *most, last = of
    if len(of) > MOST_NAMES:
        most, last = list(of)[:MOST_NAMES], f"{len(of) - MOST_NAMES} more"
    return f"{', '.join(most)} and {last}" if most else last
