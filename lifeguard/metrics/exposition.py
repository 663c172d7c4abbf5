"""The numbers under the names that Prometheus knows them by.

Nothing is counted here. No label holds what a client or a board can think of: there
are states, events, kinds of hardware, relay boards and channels, as they are declared,
and no names of boards.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from lifeguard.lifecycle.state import TIMEOUT
from lifeguard.metrics.families import (
    Labels,
    buckets,
    counters,
    gauges,
    histogram,
    single,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from lifeguard.fleet import Fleet
    from lifeguard.lifecycle import Lifecycle
    from lifeguard.metrics.metrics import Metrics


class Exposition:
    """What can be read of lifeguard, and of its process, in Prometheus's text format.

    Its registry is its own: what other libraries count in the global one is no matter
    of a lab's.
    """

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, metrics: Metrics) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(LabCollector(metrics))
        ProcessCollector(registry=self.registry)

    def text(self) -> bytes:
        """Everything as it is now."""
        return generate_latest(self.registry)


class LabCollector(Collector):
    """Reads all numbers once, and is asked for them each time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._boards()
        yield from self._changes()
        yield from self._power_cycles()
        yield from self._relay_boards()
        yield from self._transfers()
        yield from self._answers()
        yield from self._store()
        yield from self._alerts()
        yield histogram(
            "lifeguard_reactor_lag_seconds",
            "By how much a timer of one second was late.",
            self._metrics.lag.seconds,
        )

    def _boards(self) -> Iterator[Metric]:
        boards = self._metrics.fleet.boards.values()
        yield gauges(
            "lifeguard_boards",
            "Boards by state; kind is failed, busy, still, well or unknown.",
            ("hardware", "state", "kind"),
            boards_by_state(self._metrics.fleet).items(),
        )
        yield GaugeMetricFamily(
            "lifeguard_inbox_events",
            "Events that wait until their boards have taken others.",
            sum(board.waiting for board in boards),
        )

    def _changes(self) -> Iterator[Metric]:
        changes = self._metrics.changes
        yield counters(
            "lifeguard_transitions",
            "Moves of boards from one state to another, or into the same one anew.",
            ("from_state", "event", "to_state"),
            changes.moves.items(),
        )
        timeouts: Counter[str] = Counter()
        for (state, event, _), count in changes.moves.items():
            if event == TIMEOUT:
                timeouts[state] += count
        for name, help_, counted in (
            ("timeouts", "States left by their timeout.", timeouts),
            ("strikes", "Strikes counted against a state.", changes.strikes),
            ("give_ups", "Boards given up in a state.", changes.given_up),
        ):
            # What rises from nothing to one has not risen, to Prometheus.
            whole = {**dict.fromkeys(self._states(), 0), **counted}
            yield counters(f"lifeguard_{name}", help_, ("state",), single(whole))

    def _states(self) -> list[str]:
        """All that there are, each once."""
        hardware = self._metrics.fleet.inventory.hardware.values()
        return list({state: None for h in hardware for state in h.lifecycle.states})

    def _power_cycles(self) -> Iterator[Metric]:
        ended = self._metrics.power.cycles_ended
        yield counters(
            "lifeguard_power_cycles",
            "Power cycles that had begun and have ended.",
            ("relay_board", "outcome"),
            (
                ((name, outcome), count)
                for name, outcomes in ended.outcomes.items()
                for outcome, count in outcomes.items()
            ),
        )
        seconds = SummaryMetricFamily(
            "lifeguard_power_cycle_seconds",
            "Seconds of those, from the first switching to the last read-back.",
            labels=("relay_board",),
        )
        for name, total in ended.seconds.items():
            seconds.add_metric((name,), sum(ended.outcomes[name].values()), total)
        yield seconds

    def _relay_boards(self) -> Iterator[Metric]:
        power = self._metrics.power
        relay_boards = power.relay_boards()
        yield gauges(
            "lifeguard_relay_board_state",
            "1 for the state that a relay board is in: Working, Suspect or Broken.",
            ("relay_board", "state"),
            (((each.name, each.state), 1) for each in relay_boards),
        )
        yield gauges(
            "lifeguard_relay_board_waiting",
            "Requests and power cycles that wait for a relay board.",
            ("relay_board",),
            single({each.name: each.waiting for each in relay_boards}),
        )
        yield GaugeMetricFamily(
            "lifeguard_owed_outlets",
            "Outlets that must be on, and are not yet known to be.",
            len(power.owed()),
        )

    def _transfers(self) -> Iterator[Metric]:
        totals = self._metrics.transfers
        yield counters(
            "lifeguard_tftp_transfers",
            "TFTP transfers that have ended.",
            ("outcome",),
            single(totals.transfers),
        )
        yield CounterMetricFamily(
            "lifeguard_tftp_bytes",
            "Bytes of files in those; what was sent again is not counted again.",
            totals.bytes,
        )
        yield CounterMetricFamily(
            "lifeguard_tftp_retransmits",
            "Packets of those that were sent again.",
            totals.retransmits,
        )

    def _answers(self) -> Iterator[Metric]:
        answers = self._metrics.answers
        yield counters(
            "lifeguard_http_requests",
            "Answers of the API.",
            ("operation", "status"),
            (((name, str(code)), n) for (name, code), n in answers.statuses.items()),
        )
        seconds = HistogramMetricFamily(
            "lifeguard_http_request_seconds",
            "Seconds until those were written, since the whole request was there.",
            labels=("operation",),
        )
        for operation, counted in answers.seconds.items():
            seconds.add_metric((operation,), buckets(counted), counted.total)
        yield seconds
        yield CounterMetricFamily(
            "lifeguard_http_connections_refused",
            "Connections that were closed at once: their address had too many open.",
            answers.connections_refused,
        )

    def _store(self) -> Iterator[Metric]:
        commits = self._metrics.commits
        yield GaugeMetricFamily(
            "lifeguard_store_up",
            "Whether anything can be saved.",
            int(self._metrics.store_is_there),
        )
        yield histogram(
            "lifeguard_commit_seconds",
            "Seconds of a transaction until it is durable, or has failed.",
            commits.seconds,
        )
        yield histogram(
            "lifeguard_commit_writes",
            "Writes that share a transaction.",
            commits.writes,
        )

    def _alerts(self) -> Iterator[Metric]:
        alerts = self._metrics.alerts
        yield gauges(
            "lifeguard_alerts_waiting",
            "Alerts that a channel has not sent yet.",
            ("channel",),
            single({each.name: each.waiting for each in alerts.status()}),
        )
        yield counters(
            "lifeguard_alert_messages",
            "Messages of a channel that were sent, or given up.",
            ("channel", "outcome"),
            (
                ((name, outcome), count)
                for name, tally in alerts.tallies().items()
                for outcome, count in (("sent", tally.sent), ("failed", tally.failed))
            ),
        )
        yield counters(
            "lifeguard_alert_tries_failed",
            "Tries to send one that have failed.",
            ("channel",),
            single({name: tally.tries for name, tally in alerts.tallies().items()}),
        )


def boards_by_state(fleet: Fleet) -> dict[Labels, int]:
    """How many boards of each hardware are in each state, and of which kind that is.

    Also where there are none: a number that is not there raises no alert. The hardware
    of a board that is still leaving may be in the inventory no more.
    """
    found: Counter[Labels] = Counter(
        {
            (name, state, each.lifecycle.kind(state)): 0
            for name, each in fleet.inventory.hardware.items()
            for state in each.lifecycle.states
        }
    )
    places = Counter(
        (each.board.hardware, each.lifecycle, each.standing.state)
        for each in fleet.boards.values()
    )
    for (hardware, lifecycle, state), boards in places.items():
        found[hardware, state, _kind(lifecycle, state)] += boards
    return found


def _kind(lifecycle: Lifecycle, state: str) -> str:
    return lifecycle.kind(state) if state in lifecycle else "unknown"
