"""Who is in the lab: boards, their addresses and their outlets, all from one count."""

from __future__ import annotations

from msgspec import Struct

MOST_BOARDS = 10_000
RELAYS = 8
"""Relays of one bank, and outlets of one relay board unless more are asked for."""
MOST_OUTLETS = 32 * RELAYS
_ADDRESSES = 250
"""Boards in one 127.1.x network."""


class PlannedBoard(Struct, frozen=True, kw_only=True):
    """One board; `relay` counts from 1 in its `bank`, as banks of `relay_board` do."""

    name: str
    mac: str
    address: str
    relay_board: str
    bank: int
    relay: int


def plan_boards(count: int, outlets: int = RELAYS) -> list[PlannedBoard]:
    """`count` boards, sim-01 and up, `outlets` to a relay board."""
    return [_planned(number, outlets) for number in range(count)]


def _planned(number: int, outlets: int) -> PlannedBoard:
    network, host = divmod(number, _ADDRESSES)
    rack, outlet = divmod(number, outlets)
    bank, relay = divmod(outlet, RELAYS)
    high, low = divmod(number + 1, 256)
    return PlannedBoard(
        name=f"sim-{number + 1:02}",
        mac=f"02:00:00:00:{high:02x}:{low:02x}",
        address=f"127.1.{network}.{host + 1}",
        relay_board=f"rack{rack + 1}",
        bank=bank + 1,
        relay=relay + 1,
    )
