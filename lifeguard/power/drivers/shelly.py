"""Relays of Shelly: those of generation 1, and those that came after with RPC.

Generation 1 takes user and password as they are; later ones want a digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lifeguard.config.forms import Form, matching, whole
from lifeguard.power.driver import Driver
from lifeguard.power.drivers.http import HttpOptions, http_switch
from lifeguard.power.web import WebOptions

if TYPE_CHECKING:
    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings
    from lifeguard.power.drivers.http import HttpSwitch


class ShellyOptions(WebOptions, frozen=True, kw_only=True):
    """`generation` stands on the device's page at /shelly as "gen"; 1 has none."""

    generation: Annotated[int, whole(1, 4)]


def urls(options: ShellyOptions) -> HttpOptions:
    """What a Shelly is asked."""
    where = {name: getattr(options, name) for name in WebOptions.__struct_fields__}
    if options.generation == 1:
        return HttpOptions(
            **where,
            on="/relay/{outlet}?turn=on",
            off="/relay/{outlet}?turn=off",
            read="/relay/{outlet}",
            value=("ison",),
            test="/status",
        )
    return HttpOptions(
        **where,
        digest=options.user is not None,
        on="/rpc/Switch.Set?id={outlet}&on=true",
        off="/rpc/Switch.Set?id={outlet}&on=false",
        read="/rpc/Switch.GetStatus?id={outlet}",
        value=("output",),
        test="/rpc/Shelly.GetStatus",
    )


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> HttpSwitch:
    return http_switch(urls(relay_board.options), surroundings)


DRIVER = Driver(
    options=ShellyOptions,
    outlet=Form("a relay from 0 to 9", matching("[0-9]")),
    device=_device,
)
