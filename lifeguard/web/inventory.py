"""The inventory read again: what would be done, and that it is done.

The daemon reads its own files on its own disk. They may hold what a relay board is to
be told, so only an admin learns what is different in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lifeguard.web.reading import read_body

if TYPE_CHECKING:
    from lifeguard.inventory.plan import Plan
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World


class Consent(Struct, frozen=True, forbid_unknown_fields=True):
    """`plan` is the digest of one: it is done only if it is still so.

    `yes` lets any number of boards be removed or changed, and relay boards be removed
    that have still to switch outlets on.
    """

    yes: bool = False
    plan: str | None = None


class InventoryFiles:
    """Has the files read again for an admin."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def plan(self, request: LabRequest) -> Plan:
        return await self._world.reload.plan()

    async def apply(self, request: LabRequest) -> Plan:
        consent = read_body(request, Consent)
        return await self._world.reload.apply(consent.plan, yes=consent.yes)
