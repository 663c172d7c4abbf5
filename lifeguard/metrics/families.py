"""What Prometheus calls families, each made of what one part has counted."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from lifeguard.tally import Histogram

Labels = tuple[str, ...]


def gauges(
    name: str, help_: str, labels: Labels, values: Iterable[tuple[Labels, int]]
) -> Metric:
    """A value for each combination of labels."""
    return _filled(GaugeMetricFamily(name, help_, labels=labels), values)


def counters(
    name: str, help_: str, labels: Labels, values: Iterable[tuple[Labels, int]]
) -> Metric:
    """A count for each combination of labels; `_total` is added to the name."""
    return _filled(CounterMetricFamily(name, help_, labels=labels), values)


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily,
    values: Iterable[tuple[Labels, int]],
) -> Metric:
    for of, value in values:
        family.add_metric(of, value)
    return family


def single(counted: Mapping[str, int]) -> Iterator[tuple[Labels, int]]:
    """What is counted by one label."""
    return (((name,), count) for name, count in counted.items())


def histogram(name: str, help_: str, counted: Histogram) -> Metric:
    """One without labels."""
    return HistogramMetricFamily(name, help_, buckets(counted), counted.total)


def buckets(counted: Histogram) -> list[tuple[str, float]]:
    """Each bound, and how many were not above it; the last is +Inf."""
    bounds = [*map(str, map(float, counted.bounds)), "+Inf"]
    return list(zip(bounds, accumulate(counted.counts), strict=True))
