"""All channels of a lab, and what is looked for on their behalf."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred, gatherResults

from lifeguard.alerts import channel, readiness
from lifeguard.alerts.channel import Channel
from lifeguard.alerts.readiness import Readiness
from lifeguard.alerts.senders import sender_of
from lifeguard.alerts.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from lifeguard.alerts.channel import ChannelStatus, Tally
    from lifeguard.clock import ServiceTime, WallClock
    from lifeguard.config import Alerts as Settings
    from lifeguard.model import Alert, Notice, Saved, Standing
    from lifeguard.netboot.parameters import Server

_ABOUT_READY = {"few-ready", "enough-ready"}


class UnknownChannel(Exception):
    """No channel of this name is configured."""


class Store(channel.Store, readiness.Store, Protocol):
    """The part of the store that keeps alerts."""


class Lab(readiness.Lab, Protocol):
    """All boards, also those that have left."""

    @property
    def removed(self) -> Mapping[str, Standing]: ...


class Alerts:
    """The addressees of the notifier; without channels there is nothing to it.

    `told` is called when there is something new that people should hear.
    """

    def __init__(
        self,
        settings: Settings,
        lab: Lab,
        store: Store,
        reactor: Any,
        service_time: ServiceTime,
        wall: WallClock,
        server: Server,
        told: Callable[[], None],
    ) -> None:
        self.channels = {
            name: Channel(
                name,
                settings,
                store,
                sender_of(each, server, reactor, wall),
                reactor,
                service_time,
                wall,
            )
            for name, each in settings.channels.items()
        }
        self._lab = lab
        self._wishes = Wishes(settings.channels, self._is_board)
        self._readiness = Readiness(
            lab, settings, store, reactor, wall, server.name, told
        )
        self._minds_readiness = settings.few_ready > 0 and any(
            _ABOUT_READY.intersection(each.on) for each in settings.channels.values()
        )

    # Starting and stopping.

    def start(self, saved: Saved) -> None:
        """Go on where a stopped lifeguard left off."""
        self._wake_all()
        if self._minds_readiness:
            self._readiness.start(saved.few_ready)

    def stop(self) -> Deferred[None]:
        """What has not been told is told after the next start.

        Fires when no channel has a message under way, as `Channel.stop`.
        """
        self._readiness.stop()
        stopping = gatherResults(each.stop() for each in self.channels.values())
        return stopping.addCallback(lambda _: None)

    def store_is_away(self) -> None:
        """What is not told yet has to wait."""

    def store_is_back(self) -> None:
        """What has waited is told."""
        self._wake_all()

    # What the notifier says.

    def alerts(self, notices: Sequence[Notice]) -> list[Alert]:
        """What is to wait for whom."""
        return self._wishes.alerts(notices) if self.channels else []

    def waits(self, alerts: Sequence[Alert]) -> None:
        """It does so from now on."""
        for name, count in Counter(alert.channel for alert in alerts).items():
            self.channels[name].wake(count)

    # What people ask.

    def status(self) -> list[ChannelStatus]:
        """How the channels are doing, in the order of the configuration."""
        return [each.status for each in self.channels.values()]

    def tallies(self) -> dict[str, Tally]:
        """What they have done since the start."""
        return {name: each.tally for name, each in self.channels.items()}

    async def test(self, name: str) -> None:
        """Send something by a channel; raises UnknownChannel or NotDelivered."""
        if name not in self.channels:
            raise UnknownChannel(f"no such channel: {name}")
        await self.channels[name].test()

    def _is_board(self, name: str) -> bool:
        return name in self._lab.boards or name in self._lab.removed

    def _wake_all(self) -> None:
        for each in self.channels.values():
            each.wake()
