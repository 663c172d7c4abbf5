"""Lives through a plan; when a rule is broken, looks for the shortest run that does.

Without each trouble that is not needed; before and after that, without the boards that
do not matter. Every try starts from the same seed, so what it shows can be had again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import fields, replace

from lifeguard.simulator.virtual.lab import Lab
from lifeguard.simulator.virtual.plan import DAY
from lifeguard.simulator.virtual.troubles import Fate
from lifeguard.simulator.virtual.verdict import RuleBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.simulator.virtual.plan import Plan


def live(plan: Plan, progress: Callable[[Lab], object] = lambda lab: None) -> Lab:
    """The lab at the end of its plan. Raises RuleBroken.

    `progress` is called from time to time.
    """
    lab = Lab(plan)
    Fate(lab).begin()
    for _ in lab.live():
        progress(lab)
    return lab


def shorten(found: RuleBroken) -> RuleBroken:
    """The simplest run that breaks the same rule; `found`, if there is no simpler."""
    simplest = _again(_alone(found), found) or found
    for field in fields(simplest.plan.troubles):
        troubles = replace(simplest.plan.troubles, **{field.name: 0.0})
        plan = replace(simplest.plan, troubles=troubles)
        simplest = _again(plan, found) or simplest
    return _again(_alone(simplest), found) or simplest


def _alone(found: RuleBroken) -> Plan:
    """The board by itself, for a little longer than it took."""
    board, plan = found.breach.board, found.plan
    days = min(plan.days, 1.5 * found.seconds / DAY)
    return replace(plan, days=days, only=(board,) if board else plan.only)


def _again(plan: Plan, found: RuleBroken) -> RuleBroken | None:
    try:
        live(plan)
    except RuleBroken as broken:
        return broken if broken.breach.rule == found.breach.rule else None
    return None
