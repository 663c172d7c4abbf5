"""The boards of a NetBox, from what its REST interface answers: pure.

A device is a board: its type's slug is the hardware, its interface's MAC and primary
address are its own. Its power ports lead by cables to the outlets of PDUs. How a PDU is
spoken to, NetBox does not know: the custom field `lifeguard_driver` may say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from lifeguard.importing.draft import Draft, Table, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

DRIVER_FIELD = "lifeguard_driver"
HARDWARE_FIELD = "lifeguard_hardware"


class Address(Struct, frozen=True):
    """An address with the length of its prefix."""

    address: str


class DeviceType(Struct, frozen=True):
    """What a device is."""

    slug: str


class Device(Struct, frozen=True):
    """A device, or what another thing says of the one that it is a part of."""

    id: int
    name: str | None = None
    device_type: DeviceType | None = None
    primary_ip4: Address | None = None
    custom_fields: dict[str, Any] | None = None

    @property
    def address(self) -> str | None:
        """Without its prefix."""
        if self.primary_ip4 is None:
            return None
        return self.primary_ip4.address.partition("/")[0]

    def says(self, field: str) -> str:
        """A custom field; empty if there is none."""
        return str((self.custom_fields or {}).get(field) or "")


class Interface(Struct, frozen=True):
    """`mgmt_only`: a BMC's, for one."""

    device: Device
    mac_address: str | None = None
    mgmt_only: bool = False


class End(Struct, frozen=True):
    """The other end of a cable: an outlet, if it is of a device."""

    name: str = ""
    device: Device | None = None


class PowerPort(Struct, frozen=True):
    """Where a device takes its power."""

    device: Device
    name: str = ""
    connected_endpoints: list[End] | None = None


class Answers(Struct, frozen=True):
    """What was asked of NetBox; `pdus` are the devices that power ports lead to."""

    devices: list[Device]
    interfaces: list[Interface]
    power_ports: list[PowerPort]
    pdus: list[Device]


def read(answers: Answers) -> Draft:
    """The lab that the answers tell of."""
    draft = Draft()
    pdus = {pdu.id: pdu for pdu in answers.pdus}
    for device in answers.devices:
        if not (name := name_of(device.name or "")):
            draft.notes.append(f"device {device.id}: it has no name")
            continue
        kind = "" if device.device_type is None else device.device_type.slug
        draft.board(
            name,
            name_of(device.says(HARDWARE_FIELD) or kind) or "unknown",
            mac=_mac(
                each for each in answers.interfaces if each.device.id == device.id
            ),
            address=device.address,
            power=[
                outlet
                for port in answers.power_ports
                if port.device.id == device.id
                for outlet in _outlets(draft, name, port, pdus)
            ],
        )
    return draft


def pdu_ids(power_ports: Iterable[PowerPort]) -> list[int]:
    """The devices that power ports lead to."""
    ends = (end for port in power_ports for end in port.connected_endpoints or ())
    return sorted({end.device.id for end in ends if end.device is not None})


def _mac(interfaces: Iterable[Interface]) -> str | None:
    """Of the only interface that has one, but for those of a BMC; else nobody knows."""
    boots = [each for each in interfaces if not each.mgmt_only]
    macs = {each.mac_address.lower() for each in boots if each.mac_address}
    return macs.pop() if len(macs) == 1 else None


def _outlets(
    draft: Draft, board: str, port: PowerPort, pdus: dict[int, Device]
) -> list[str]:
    """Where a power port leads; those relay boards are in the draft then."""
    outlets = []
    for end in port.connected_endpoints or ():
        if end.device is not None:
            pdu = pdus.get(end.device.id, end.device)
            name = name_of(pdu.name or "")
            draft.relay_boards[name] = _relay_board(pdu)
            outlets.append(f"{name}/{_outlet(end.name)}")
    if not outlets:
        draft.notes.append(f"{board}: {port.name} has no cable to an outlet")
    return outlets


def _relay_board(pdu: Device) -> Table:
    """One without a driver is not taken over, and says that it lacks one."""
    known = {"driver": pdu.says(DRIVER_FIELD), "address": pdu.address}
    return {key: value for key, value in known.items() if value}


def _outlet(name: str) -> str:
    """The number at the end of its name; or the name itself, as a driver's form is."""
    number = re.search(r"\d+(?:/\d+)?$", name)
    return number[0] if number else name_of(name)
