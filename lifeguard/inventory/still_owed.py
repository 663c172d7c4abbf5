"""Outlets that are owed on relay boards which another inventory takes away. Pure.

While lifeguard runs, it goes on trying to switch them on. But of a relay board that is
in no file the next start knows nothing; one that is elsewhere by then is asked there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lifeguard.inventory.plan import StillOwed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lifeguard.inventory.difference import Difference
    from lifeguard.inventory.plan import Suspended
    from lifeguard.model import Inventory, Outlet
    from lifeguard.power import OwedOutlet, RelayBoardStatus


class Power(Protocol):
    """What is owed or in hand, and how the relay boards are doing."""

    def owed(self) -> Sequence[OwedOutlet]: ...
    def is_switching(self, board: str) -> bool: ...
    def relay_boards(self) -> Sequence[RelayBoardStatus]: ...


def still_owed(
    difference: Difference,
    new: Inventory,
    boards: Mapping[str, Suspended],
    power: Power,
) -> Iterator[StillOwed]:
    """Those on relay boards that are not in `new`, or are elsewhere there.

    A board that is off is owed its outlets when it leaves a relay board, and so is one
    in a power cycle that ends in vain. A relay board that works switches them on at
    once, so only those of the others are named.
    """
    removed = difference.of("relay_boards", "removed")
    elsewhere = set(_elsewhere(difference))
    ill = {each.name for each in power.relay_boards() if each.state != "Working"}
    owed = {each.outlet: each.board for each in power.owed()}
    perhaps_off = _perhaps_off(boards, power, removed.keys() & ill)
    for outlet, board in (owed | perhaps_off).items():
        if outlet.relay_board in removed:
            yield _left(outlet, board)
        elif outlet.relay_board in elsewhere:
            yield _moved(outlet, board, new.relay_boards[outlet.relay_board].address)


def _elsewhere(difference: Difference) -> Iterator[str]:
    for name, entry in difference.of("relay_boards", "changed").items():
        if any(field.name in ("driver", "address") for field in entry.fields):
            yield name


def _perhaps_off(
    boards: Mapping[str, Suspended], power: Power, relay_boards: Collection[str]
) -> dict[Outlet, str]:
    """The outlets there of boards that are off, or in the middle of a power cycle."""
    if not relay_boards:
        return {}
    return {
        outlet: name
        for name, board in boards.items()
        if board.lifecycle.is_off(board.standing.state) or power.is_switching(name)
        for outlet in board.board.power
        if outlet.relay_board in relay_boards
    }


def _left(outlet: Outlet, board: str) -> StillOwed:
    text = (
        f"is still to be switched on for {board}:"
        " stays off if lifeguard stops before that"
    )
    return StillOwed(str(outlet), board, outlet.relay_board, "removed", text)


def _moved(outlet: Outlet, board: str, address: str) -> StillOwed:
    text = f"is still to be switched on for {board}, from now on at {address}"
    return StillOwed(str(outlet), board, outlet.relay_board, "changed", text)
