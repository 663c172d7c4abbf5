"""What a new inventory will do to the lab: for people to see before it is done. Pure.

The guard against a file that was cut short or mixed up counts boards: those removed,
those of which anything is changed, and those whose state their lifecycle has no more.
Nor is an outlet that is still to be switched on given up without a person's yes.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

from lifeguard.inventory.difference import Difference, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lifeguard.inventory.difference import Table, What
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.model import Board, Inventory, Standing

AT_LEAST = 5
"""As many boards may be another without a person's yes, in however small a lab."""


class Suspended(Protocol):
    """A board as it stands."""

    board: Board
    lifecycle: Lifecycle
    standing: Standing


class Outlook(Struct, frozen=True):
    """What becomes of a board."""

    board: str
    text: str


class StillOwed(Struct, frozen=True):
    """An outlet that is a board's, and is still to be switched on.

    `what` becomes of its relay board; "changed": it is elsewhere.
    """

    outlet: str
    board: str
    relay_board: str
    what: Literal["removed", "changed"]
    text: str


class Plan(Struct, frozen=True, kw_only=True):
    """What is different in the file, and what follows from it.

    `digest` stands for what is different, and for the outlets that are given up.
    `touched` boards are removed or another; more than `allowed` need a person's yes,
    and so does each outlet that is `owed` on a relay board which is removed. `restart`
    names the tables of `lifeguard.toml` that have changed, too: those count from the
    next start on.
    """

    digest: str
    entries: list[Entry]
    boards: list[Outlook]
    owed: list[StillOwed]
    touched: int
    allowed: int
    restart: list[str]

    @property
    def needs_yes(self) -> bool:
        """Whether this is more than is done without being asked."""
        return self.touched > self.allowed or bool(self.given_up)

    @property
    def given_up(self) -> list[StillOwed]:
        """The outlets that stay off if lifeguard is stopped before it has them on."""
        return [each for each in self.owed if each.what == "removed"]

    def was_shown(self, digest: str) -> bool:
        """Whether who saw the plan of this digest saw all that this one does."""
        less = not self.given_up and digest.startswith(f"{self.digest}.")
        return less or digest == self.digest

    def summary(self) -> str:
        """In one line, for a log."""
        counts: dict[Table, Counter[What]] = {}
        for each in self.entries:
            counts.setdefault(each.table, Counter())[each.what] += 1
        words = (
            f"{table}: {', '.join(f'{number} {what}' for what, number in of.items())}"
            for table, of in counts.items()
        )
        return "; ".join(words) or "nothing is different"


def plan(
    difference: Difference,
    new: Inventory,
    boards: Mapping[str, Suspended],
    removed: Mapping[str, Standing],
    owed: list[StillOwed],
    share: float,
    restart: list[str],
) -> Plan:
    """What becomes of `boards`; `removed` are those that have left the lab before.

    `owed` are the outlets on relay boards that are taken away. `share` of the boards
    may be another without a yes.
    """
    changed = difference.of("boards", "changed")
    stranded = set(_stranded(difference, new, boards))
    gone = difference.of("boards", "removed")
    goes_on = [entry for name, entry in changed.items() if name not in stranded]
    outlooks = [
        *(_of_gone(boards[name]) for name in gone),
        *(_of_changed(entry, boards[entry.name], new) for entry in goes_on),
        *(_of_stranded(boards[name]) for name in sorted(stranded)),
        *(_of_new(name, boards, removed) for name in difference.of("boards", "added")),
    ]
    return Plan(
        digest=_digest(difference, owed),
        entries=difference.entries,
        boards=outlooks,
        owed=owed,
        touched=len({*gone, *changed, *stranded}),
        allowed=max(AT_LEAST, int(share * len(boards))),
        restart=restart,
    )


def _digest(difference: Difference, owed: list[StillOwed]) -> str:
    given_up = sorted(each.outlet for each in owed if each.what == "removed")
    if not given_up:
        return difference.digest
    return f"{difference.digest}.{sha256(' '.join(given_up).encode()).hexdigest()[:16]}"


def _stranded(
    difference: Difference, new: Inventory, boards: Mapping[str, Suspended]
) -> Iterator[str]:
    """The boards whose lifecycle has their state, and will have it no more."""
    changed = difference.of("boards", "changed")
    kinds = difference.of("hardware", "changed")
    for name in new.boards if kinds else changed:
        board = boards.get(name)
        if board is None or board.standing.state not in board.lifecycle:
            continue
        lifecycle = new.hardware[new.boards[name].hardware].lifecycle
        if board.standing.state not in lifecycle:
            yield name


def _of_gone(board: Suspended) -> Outlook:
    state, lifecycle = board.standing.state, board.lifecycle
    text = f"is let go in {state}"
    if lifecycle.is_off(state):
        text += "; it is switched on first"
    elif state in lifecycle and lifecycle.orders_power(state):
        text += "; a power cycle that has begun is finished first"
    return Outlook(board.standing.board, text)


def _of_changed(entry: Entry, board: Suspended, new: Inventory) -> Outlook:
    state = board.standing.state
    lifecycle = new.hardware[new.boards[entry.name].hardware].lifecycle
    text = f"goes on in {state}"
    if any(field.name == "power" for field in entry.fields) and state in lifecycle:
        if lifecycle.is_off(state):
            text = f"is {state}: the old outlets are switched on, the new ones off"
        elif lifecycle.orders_power(state):
            text += ", and its power is cycled anew"
    return Outlook(entry.name, text)


def _of_stranded(board: Suspended) -> Outlook:
    state = board.standing.state
    text = f"is left alone in {state}, which its lifecycle has no more"
    return Outlook(board.standing.board, text)


def _of_new(
    name: str, boards: Mapping[str, Suspended], removed: Mapping[str, Standing]
) -> Outlook:
    if name in boards:
        return Outlook(name, "is still being let go; it can come back after that")
    if name in removed:
        return Outlook(name, f"comes back, and goes on in {removed[name].state}")
    return Outlook(name, "begins in New")
