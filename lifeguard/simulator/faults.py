"""How often each kind of thing goes wrong; rates from 0 (never) to 1 (always).

`--faults` says it by one number, a scale for all of them, or fault by fault. No
dice are thrown here: who meets a fault asks its own seeded random.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import fields


class FaultsError(ValueError):
    """The text is no description of faults; the message is for its writer."""


class Faults(Struct, frozen=True, kw_only=True):
    """Rates per occasion, each of which the comment below a name tells."""

    hang: float = 0.0
    """A boot that stops in the boot loader."""
    die: float = 0.0
    """An installation that stops half way."""
    relay: float = 0.0
    """A switch that is answered with success, though the relay did not move."""
    lost: float = 0.0
    """An event that never reaches the network."""
    late: float = 0.0
    """An event that arrives seconds late, even from a board since switched off."""
    loss: float = 0.0
    """A TFTP datagram lost, in either direction."""
    dead: float = 0.0
    """A board, chosen once for good, whose image never comes up."""


_NAMES = [field.name for field in fields(Faults)]


def scaled(scale: float) -> Faults:
    """Everything at once, each as often as a bad lab has it beside the others.

    Half the events late would leave no time for anything else, and at a tenth of
    the datagrams lost TFTP still gets through. Nothing is dead for good.
    """
    return Faults(
        hang=scale,
        die=scale,
        relay=scale / 4,
        lost=scale,
        late=scale / 2,
        loss=scale / 10,
    )


def parse_faults(text: str) -> Faults:
    """`"0.1"`, a scale for all, or `"hang=0.05,loss=0.01"`; raises FaultsError."""
    if "=" not in text:
        return scaled(_rate(text))
    rates: dict[str, float] = {}
    for item in text.split(","):
        name, _, rate = item.partition("=")
        if name.strip() not in _NAMES:
            raise FaultsError(
                f"no fault {name.strip()!r}; there are {', '.join(_NAMES)}"
            )
        rates[name.strip()] = _rate(rate)
    return Faults(**rates)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= 1:
        raise FaultsError(f"a rate is a number from 0 to 1, not {text!r}")
    return rate
