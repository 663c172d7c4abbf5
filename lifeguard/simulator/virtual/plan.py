"""What a virtual lab consists of and how much goes wrong in it; all from a seed."""

from __future__ import annotations

from msgspec import Struct

from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import Board, Boot, Hardware, Image, Inventory, Outlet, RelayBoard
from lifeguard.simulator.plan import PlannedBoard, plan_boards

HOUR = 3600.0
DAY = 24 * HOUR

IMAGE = "debian"
IMAGES = (IMAGE, "fedora", "yocto")
"""What people want to have installed."""

_HARDWARE = "virtual"
_SECOND_SUPPLY = 16
"""One board of so many has two outlets, on two relay boards."""


class Troubles(Struct, frozen=True, kw_only=True):
    """How much goes wrong. A rate is per day, a share is from 0 to 1."""

    kills: float = 1.0
    """Rate of kill -9, at some operation of the daemon."""
    stops: float = 0.2
    """Rate of SIGTERM."""
    store_outages: float = 0.5
    lost_answers: float = 0.001
    """Share of transactions whose answer is lost, written or not."""
    network_outages: float = 0.2
    """Rate at which lifeguard's own network is down, for polls and for events."""
    clock_jumps: float = 0.5
    """Rate at which the wall clock is set an hour on or back."""
    relay_outages: float = 0.1
    """Rate at which one relay board is unreachable for a while."""
    brownouts: float = 0.01
    """Rate at which the boards of one relay board do not boot for some hours, although
    it switches them as it should."""
    bad_images: float = 0.1
    """Rate at which one image ceases to install, until somebody mends it."""
    sticking: float = 0.02
    """Share of switchings after which the relay is where it was."""
    mute: float = 0.01
    """Share of switchings that are done and not answered."""
    unorderable: float = 0.002
    """Share of power cycles that raise as they are ordered."""
    requests: float = 0.4
    """Rate at which somebody wants something of one board."""
    failures: float = 0.3
    """Rate at which a running board hangs or resets by itself."""
    hang: float = 0.03
    """Share of boots that stop in the boot loader."""
    die: float = 0.05
    """Share of installations that stop half way, fail, or boot a second time."""
    lie: float = 0.02
    """Share of boots in which a board says what is not so."""
    lost: float = 0.02
    """Share of events that are lost, and their senders' connections with them."""
    late: float = 0.02
    """Share of events that come again, up to two hours later."""
    slow: float = 0.03
    """Share of boards that take up to four times as long."""
    weak: float = 0.005
    """Share of boards that fail fifty times as often while they run."""
    dead: float = 0.01
    """Share of boards whose image does not come up until somebody repairs them."""


class Plan(Struct, frozen=True, kw_only=True):
    """One virtual lab, `days` long. `only`: the boards of it that there are."""

    seed: int
    boards: int
    days: float
    troubles: Troubles = Troubles()
    only: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.boards} boards, {self.days:g} days"


def inventory(plan: Plan) -> Inventory:
    """The lab as a daemon's configuration would tell it."""
    boot = {_HARDWARE: Boot(loader="pxelinux", template="/nowhere")}
    boards = {
        each.name: _board(number, each)
        for number, each in enumerate(plan_boards(plan.boards))
        if plan.only is None or each.name in plan.only
    }
    racks = {outlet.relay_board for board in boards.values() for outlet in board.power}
    return Inventory(
        relay_boards={name: _relay_board(name) for name in sorted(racks)},
        hardware={_HARDWARE: Hardware(name=_HARDWARE, lifecycle=LIFECYCLE)},
        images={
            **{name: Image(name=name, boot=boot) for name in IMAGES},
            "self-test": Image(name="self-test", boot=boot, role="self-test"),
            "maintenance": Image(name="maintenance", boot=boot, role="maintenance"),
        },
        boards=boards,
    )


def _board(number: int, planned: PlannedBoard) -> Board:
    power = [Outlet(planned.relay_board, f"1/{planned.relay}")]
    if number % _SECOND_SUPPLY == 0:
        rack, relay = divmod(number // _SECOND_SUPPLY, 8)
        power.append(Outlet(f"second{rack + 1}", f"1/{relay + 1}"))
    return Board(
        name=planned.name,
        mac=planned.mac,
        address=planned.address,
        hardware=_HARDWARE,
        power=tuple(power),
    )


def _relay_board(name: str) -> RelayBoard:
    return RelayBoard(name=name, driver="proxr", address="192.0.2.1:2101")
