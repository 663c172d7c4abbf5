"""What a board's firmware is told when it asks the network for a loader.

No sockets. A board that boots its disk is told so, because EDK2 would otherwise look
for a loader for more than a minute; one that is left alone is told nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct
from twisted.logger import Logger

from lifeguard.config.proxy_dhcp import ARCHITECTURES, IPXE, Loader
from lifeguard.netboot.decision import (
    BootDisk,
    BootImage,
    CannotBoot,
    Decision,
    HandsOff,
    Situation,
    decide,
)
from lifeguard.netboot.identities import macs_by_uuid
from lifeguard.wire.pxe import boot_disk, boots_from_network, is_ipxe, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifeguard.model import Inventory
    from lifeguard.wire.dhcp import Message, MessageType

log = Logger()

ByMac = Callable[[str], Situation | None]
"""What the board with that MAC (lower case, colons) is about; None: not ours."""


class OfferLoader(Struct, frozen=True):
    """It shall boot this."""

    loader: Loader

    def __str__(self) -> str:
        return self.loader.file


class OfferDisk(Struct, frozen=True):
    """It shall boot its disk, and not look for anything else."""

    reason: str

    def __str__(self) -> str:
        return f"its disk: {self.reason}"


class NoOffer(Struct, frozen=True):
    """It is told nothing, as if it were not known."""

    reason: str

    def __str__(self) -> str:
        return f"what it finds: {self.reason}"


Offer = OfferLoader | OfferDisk | NoOffer


class ProxyDhcp:
    """Knows what the boards of a lab are told; `loaders` by kind, as configured.

    `url` is where boards reach lifeguard, without a last slash.
    """

    def __init__(
        self,
        by_mac: ByMac,
        inventory: Inventory,
        loaders: Mapping[str, Loader],
        url: str,
    ) -> None:
        self._by_mac, self._loaders = by_mac, loaders
        self.take_inventory(inventory)
        self._nowhere = f"{url}/boots-its-disk"
        self._said: dict[tuple[str, str], int] = {}
        """By board and offer, the stay in which the log last told of it."""

    def take_inventory(self, inventory: Inventory) -> None:
        """Go by another inventory from now on."""
        self._inventory, self._macs = inventory, macs_by_uuid(inventory)

    def answer(
        self, request: Message, message_type: MessageType, ours: str
    ) -> Message | None:
        """What the client is told by this machine, whose address is `ours`."""
        situation = self._find(request)
        if situation is None:
            return None
        kinds = kinds_of(request)
        offer = choose(decide(situation, self._inventory), kinds, self._loaders)
        self._say(situation, kinds[0], offer)
        match offer:
            case OfferLoader(Loader(file=file, server=server)):
                return load(request, message_type, ours, server or ours, file)
            case OfferDisk():
                return boot_disk(request, message_type, ours, self._nowhere)
            case NoOffer():
                return None

    def _find(self, request: Message) -> Situation | None:
        """By the network card that asks, or by the machine that another one is in."""
        if not boots_from_network(request):
            return None
        macs = request.mac, self._macs.get(request.uuid or "")
        found = (self._by_mac(mac) for mac in macs if mac is not None)
        return next(filter(None, found), None)

    def _say(self, situation: Situation, kind: str, offer: Offer) -> None:
        """Once in a stay: a ROM asks several times, and anybody can ask in its name."""
        board, standing = situation.board.name, situation.standing
        if self._said.get((board, str(offer))) == standing.stay:
            return
        self._said[board, str(offer)] = standing.stay
        log.info(
            "{board}: {kind} is to boot {offer} ({state})",
            board=board,
            kind=kind,
            offer=offer,
            state=standing.state,
        )


def kinds_of(request: Message) -> list[str]:
    """What the client is, as loaders are named; best first, never empty."""
    kinds = [
        ARCHITECTURES.get(number, f"architecture {number}")
        for number in request.architectures
    ]
    if is_ipxe(request):
        kinds.insert(0, IPXE)
    return kinds or ["no architecture"]


def choose(
    decision: Decision, kinds: list[str], loaders: Mapping[str, Loader]
) -> Offer:
    """How the decision is put to a client of these kinds, best first."""
    match decision:
        case HandsOff():
            return NoOffer("it is left alone")
        case BootDisk():
            return OfferDisk("no image is to be booted")
        case CannotBoot(reason):
            return OfferDisk(reason)
        case BootImage():
            for kind in kinds:
                if kind in loaders:
                    return OfferLoader(loaders[kind])
            return NoOffer("there is no loader for it")
