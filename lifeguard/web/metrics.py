"""The numbers for Prometheus, in the format that it reads."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lifeguard.web.answers import send

if TYPE_CHECKING:
    from klein import Klein

    from lifeguard.metrics import Metrics
    from lifeguard.metrics.exposition import Exposition
    from lifeguard.web.callers import Callers
    from lifeguard.web.request import LabRequest


def route_metrics(app: Klein, metrics: Metrics, callers: Callers) -> None:
    """Serve them to whoever may see the lab."""

    @cache
    def exposition() -> Exposition:
        # A start does without: few of them are looked at within their first second.
        from lifeguard.metrics.exposition import Exposition

        return Exposition(metrics)

    @app.route("/metrics", methods=["GET"])
    def show(request: LabRequest) -> bytes:
        callers.operator(request, "see")
        return send(request, exposition().text(), exposition().content_type)
