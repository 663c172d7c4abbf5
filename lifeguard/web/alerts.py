"""How the channels of alerts are doing, and whether one works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lifeguard.alerts import ChannelStatus

if TYPE_CHECKING:
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World


class AlertChannels(Struct, frozen=True):
    """Channels in the order of the configuration."""

    channels: list[ChannelStatus]


class AlertOperations:
    """Shows the channels, and has one tried."""

    def __init__(self, world: World) -> None:
        self._alerts = world.alerts

    async def index(self, request: LabRequest) -> AlertChannels:
        return AlertChannels(self._alerts.status())

    async def test(self, request: LabRequest, name: str) -> ChannelStatus:
        await self._alerts.test(name)
        return next(each for each in self._alerts.status() if each.name == name)
