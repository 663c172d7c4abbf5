"""What a person may wish of a board, by what the lab has: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lifeguard.event import Impossible
from lifeguard.lifecycle import Boots

if TYPE_CHECKING:
    from lifeguard.blame.docket import Docket
    from lifeguard.model import Board, Hardware, Inventory, Role, Standing

_ROLES: Final[dict[Boots, Role]] = {
    Boots.SELF_TEST: "self-test",
    Boots.MAINTENANCE: "maintenance",
}


def check_possible(
    inventory: Inventory,
    docket: Docket,
    board: Board,
    hardware: Hardware,
    wish: Standing,
) -> None:
    """Raises Impossible when what the wished-for state is about cannot be had."""
    lifecycle = hardware.lifecycle
    switches = lifecycle.orders_power(wish.state) or lifecycle.is_off(wish.state)
    if switches and not board.power:
        raise Impossible("the board has no power outlet to switch")
    boots = lifecycle[wish.state].boots
    if boots is Boots.WANTED:
        _check_image(inventory, docket, wish.wanted_image, hardware.name)
    if boots in _ROLES:
        _check_role(inventory, _ROLES[boots], hardware.name)


def _check_role(inventory: Inventory, role: Role, hardware: str) -> None:
    if inventory.image_of_role(role, hardware) is None:
        raise Impossible(f"no image of role {role} boots on {hardware}")


def _check_image(
    inventory: Inventory, docket: Docket, name: str | None, hardware: str
) -> None:
    if name is None:
        raise Impossible("no image is wanted, or ever was")
    image = inventory.images.get(name)
    if image is None:
        raise Impossible(f"no such image: {name}")
    if hardware not in image.boot:
        raise Impossible(f"image {name} has no boot for hardware {hardware}")
    if (failed := docket.failed_image(name)) is not None:
        raise Impossible(failed.text)
