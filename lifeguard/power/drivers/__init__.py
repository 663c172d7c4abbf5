"""The drivers that lifeguard brings, each a module with a `DRIVER`.

One more is one more line here. A package of a lab's own names its drivers as entry
points of the group `lifeguard.relay_drivers`, in the same form.
"""

from __future__ import annotations

from typing import Final

BUILT_IN: Final = {
    "exec": "lifeguard.power.drivers.exec:DRIVER",
    "gpio": "lifeguard.power.drivers.gpio:DRIVER",
    "http": "lifeguard.power.drivers.http:DRIVER",
    "modbus-tcp": "lifeguard.power.drivers.modbus_tcp:DRIVER",
    "pdudaemon": "lifeguard.power.drivers.pdudaemon:DRIVER",
    "proxr": "lifeguard.power.drivers.proxr:DRIVER",
    "qemu": "lifeguard.power.drivers.qemu:DRIVER",
    "redfish": "lifeguard.power.drivers.redfish:DRIVER",
    "shelly": "lifeguard.power.drivers.shelly:DRIVER",
    "tasmota": "lifeguard.power.drivers.tasmota:DRIVER",
}
"""By the name that an inventory calls it: where it is."""
