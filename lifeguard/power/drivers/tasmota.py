"""Sockets and relays with the Tasmota firmware.

It wants user and password in the URL. A device with one relay calls it POWER, one with
more POWER1 and so on; asked for a relay that it has not, it names none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lifeguard.config.forms import Form, matching
from lifeguard.power.driver import Driver
from lifeguard.power.drivers.http import HttpOptions, http_switch
from lifeguard.power.web import WebOptions

if TYPE_CHECKING:
    from lifeguard.model import RelayBoard
    from lifeguard.power.driver import Surroundings
    from lifeguard.power.drivers.http import HttpSwitch


def urls(options: WebOptions) -> HttpOptions:
    """What a Tasmota is asked."""
    command = "/cm?"
    if options.user is not None:
        password = quote(options.password or "", safe="")
        command += f"user={quote(options.user, safe='')}&password={password}&"
    return HttpOptions(
        url=options.url,
        user="",  # The URLs have it: there is no header.
        password=options.password,
        verify=options.verify,
        on=f"{command}cmnd=Power{{outlet}}%20On",
        off=f"{command}cmnd=Power{{outlet}}%20Off",
        read=f"{command}cmnd=Power{{outlet}}",
        value=("POWER{outlet}", "POWER"),
        test=f"{command}cmnd=State",
    )


def _device(relay_board: RelayBoard, surroundings: Surroundings) -> HttpSwitch:
    return http_switch(urls(relay_board.options), surroundings)


DRIVER = Driver(
    options=WebOptions,
    outlet=Form("a relay from 1 to 32", matching("[1-9]|[12][0-9]|3[0-2]")),
    device=_device,
)
