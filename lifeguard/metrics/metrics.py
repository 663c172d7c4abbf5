"""Where the numbers are: in the parts that count, and in a few counters beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.application.service import Service

from lifeguard.metrics.answers import Answers
from lifeguard.metrics.changes import Changes
from lifeguard.metrics.lag import Lag

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from lifeguard.alerts import ChannelStatus
    from lifeguard.alerts.channel import Tally
    from lifeguard.fleet import Fleet
    from lifeguard.netboot.totals import TransferTotals
    from lifeguard.power import OwedOutlet, RelayBoardStatus
    from lifeguard.power.tally import CyclesEnded
    from lifeguard.store import Presence
    from lifeguard.store.commits import Commits


class Store(Protocol):
    """What the store counts, and whether it is there."""

    @property
    def commits(self) -> Commits: ...

    def tell(self, presence: Presence) -> None: ...


class Power(Protocol):
    """What power counts, and how the relay boards are doing."""

    @property
    def cycles_ended(self) -> CyclesEnded: ...

    def owed(self) -> list[OwedOutlet]: ...
    def relay_boards(self) -> list[RelayBoardStatus]: ...


class Alerts(Protocol):
    """How channels are doing, and what they have counted."""

    def status(self) -> list[ChannelStatus]: ...
    def tallies(self) -> dict[str, Tally]: ...


class Metrics(Service):
    """All that can be read; what it counts itself, it counts from its start on."""

    def __init__(
        self,
        fleet: Fleet,
        store: Store,
        power: Power,
        transfers: TransferTotals,
        alerts: Alerts,
        clock: IReactorTime,
    ) -> None:
        self.fleet, self.power, self.transfers = fleet, power, transfers
        self.alerts = alerts
        self.commits = store.commits
        self.store_is_there = True
        self.answers, self.changes, self.lag = Answers(), Changes(), Lag(clock)
        store.tell(self)

    def startService(self) -> None:
        super().startService()
        self.fleet.subscribe(self.changes.changed)
        self.lag.start()

    def stopService(self) -> None:
        super().stopService()
        self.lag.stop()

    def store_is_away(self) -> None:
        """Nothing can be saved."""
        self.store_is_there = False

    def store_is_back(self) -> None:
        """It can again."""
        self.store_is_there = True
