"""The lab at a glance: how many boards are in which state, the worst first."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from lifeguard.cli.views.tables import add_line, mark, plain_table, state_text
from lifeguard.cli.words import (
    LOOKS,
    RANK,
    RELAY_BOARD_LOOKS,
    ago,
    duration,
    folded,
    plural,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rich.table import Table

    from lifeguard.cli.documents import (
        Board,
        Health,
        Owed,
        RelayBoard,
        RelayBoards,
        StrikeCount,
    )


def by_state(boards: Sequence[Board], now: datetime) -> Group:
    """A line a state: its boards, the one that is longest in it, the next timeout."""
    return Group(headline(boards), "", _state_table(boards, now))


def by_board(boards: Sequence[Board], now: datetime) -> Group:
    """A line a board."""
    return Group(headline(boards), "", _board_table(boards, now))


def headline(boards: Sequence[Board]) -> Text:
    """How many boards there are, and how they are: `12 boards: 1 failed, 11 well`."""
    kinds = Counter(board.kind for board in boards)
    text = Text(plural(len(boards), "board"))
    parts = [
        Text(f"{kinds[kind]} {look.words}", look.style)
        for kind, look in LOOKS.items()
        if kinds[kind]
    ]
    return text.append(": ").append(Text(", ").join(parts)) if parts else text


def troubles(lab: RelayBoards, health: Health) -> Iterator[Text]:
    """What is wrong besides the boards, a line each."""
    for one in lab.relay_boards:
        if one.state != "Working":
            yield _ill(one, lab.owed)
    if health.braked:
        yield polls(health)


def polls(health: Health) -> Text:
    """Whether failures are withheld."""
    if not health.braked:
        return Text("polls: no failure is withheld")
    count = plural(len(health.withheld), "board")
    said = f"{count} answer none, so many that their failures are withheld"
    return Text(f"polls: {said}", LOOKS["failed"].style)


def _ill(relay_board: RelayBoard, owed: Sequence[Owed]) -> Text:
    """A relay board's state, what led to it, and what it owes meanwhile."""
    why = f": {relay_board.why}" if relay_board.why else ""
    tried = [one.relay_board for one in owed if one.tries]
    count = tried.count(relay_board.name)
    unpaid = f"; {plural(count, 'outlet')} to switch on again" if count else ""
    return Text(
        f"relay board {relay_board.name} is {relay_board.state}{why}{unpaid}",
        RELAY_BOARD_LOOKS[relay_board.state].style,
    )


def _worst_first(board: Board) -> tuple[int, str, str]:
    return RANK[board.kind], board.state, board.name


def _state_table(boards: Sequence[Board], now: datetime) -> Table:
    table = plain_table(
        "",
        "STATE",
        "BOARDS",
        "LONGEST",
        "TIMES OUT",
        "WHICH",
        right=("BOARDS",),
        whole=("", "STATE", "BOARDS"),
        spare=("LONGEST", "TIMES OUT"),
    )
    in_order = sorted(boards, key=_worst_first)
    for (kind, state), group in groupby(in_order, lambda each: (each.kind, each.state)):
        there = list(group)
        left = [one.seconds_left for one in there if one.seconds_left is not None]
        add_line(
            table,
            mark(kind),
            state_text(state, kind),
            str(len(there)),
            ago(min(board.since for board in there), now),
            f"in {duration(min(left))}" if left and kind == "busy" else "",
            _names(there),
        )
    return table


def _names(boards: Sequence[Board]) -> Text:
    """All that failed, for they need somebody; of others what fits a line."""
    names = " ".join(folded(board.name for board in boards))
    if boards[0].kind in ("failed", None):
        return Text(names)
    return Text(names, no_wrap=True, overflow="ellipsis")


def _board_table(boards: Sequence[Board], now: datetime) -> Table:
    table = plain_table(
        "",
        "BOARD",
        "STATE",
        "FOR",
        "TIMES OUT",
        "STRIKES",
        "HARDWARE",
        "IMAGE",
        whole=("", "BOARD", "STATE"),
        spare=("HARDWARE", "IMAGE", "STRIKES", "TIMES OUT"),
    )
    for board in sorted(boards, key=_worst_first):
        add_line(
            table,
            mark(board.kind),
            board.name,
            state_text(board.state, board.kind),
            ago(board.since, now),
            _left(board),
            strikes(board),
            board.hardware or "not in the inventory",
            _image(board),
        )
    return table


def _left(board: Board) -> str:
    if board.seconds_left is None or board.kind != "busy":
        return ""
    return f"in {duration(board.seconds_left)}"


def strikes(board: Board) -> str:
    """Those that are nearest to too many: `3/10`, and of which state if of another."""
    if not board.strikes:
        return ""
    state, worst = max(board.strikes.items(), key=lambda one: _share(one[1]))
    allowed = "?" if worst.allowed is None else worst.allowed
    of = "" if state == board.state else f" of {state}"
    return f"{worst.count}/{allowed}{of}"


def _share(strikes: StrikeCount) -> float:
    return strikes.count / (1 + (strikes.allowed or 0))


def _image(board: Board) -> str:
    """What is on the disk, and what is to be there."""
    if board.wanted_image is None or board.wanted_image == board.image:
        return board.image or ""
    return f"{board.image or '?'} → {board.wanted_image}"
