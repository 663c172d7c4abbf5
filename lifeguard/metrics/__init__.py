"""Lifeguard in numbers, for Prometheus: what parts count anyway, and how boards stand.

Everything is read when somebody asks. `exposition` needs a library that nobody needs
before that, and so is not imported from here.
"""

from lifeguard.metrics.answers import Answers
from lifeguard.metrics.metrics import Metrics

__all__ = ["Answers", "Metrics"]
