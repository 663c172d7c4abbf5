"""What network boot adds to DHCP's messages, beside a DHCP server (RFC 4578, PXE 2.1).

Pure. An answer gives no address: that stays the DHCP server's. Which board boots what
is not known here.
"""

from __future__ import annotations

from socket import inet_aton
from typing import TYPE_CHECKING, Final

from msgspec import structs

from lifeguard.wire.dhcp import (
    NOWHERE,
    REPLY,
    Message,
    MessageType,
    Option,
    encode_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_PXE, _HTTP_BOOT = b"PXEClient", b"HTTPClient"
_BIOS = 0

# The vendor options of PXE 2.1.
_DISCOVERY_CONTROL, _BOOT_MENU, _MENU_PROMPT = 6, 9, 10

_LOAD_THE_FILE: Final = encode_options({_DISCOVERY_CONTROL: b"\x08"})

# A menu of one item, number 0 for the disk, that is taken after 0 seconds.
_TITLE = b"Boot from disk"
_BOOT_THE_DISK: Final = encode_options(
    {
        _DISCOVERY_CONTROL: b"\x03",  # look for no boot servers
        _BOOT_MENU: bytes([0, 0, len(_TITLE)]) + _TITLE,
        _MENU_PROMPT: bytes([0]) + _TITLE,
    }
)

# A relay agent looks for what it put in as the last option (RFC 3046).
_RETURNED: Final = (Option.CLIENT, Option.MACHINE, Option.RELAY)


def boots_from_network(request: Message) -> bool:
    """Whether this is PXE or UEFI's HTTP boot.

    U-Boot says that it is neither, and would take any offer for one of an address.
    """
    return _vendor_class(request) is not None


def is_ipxe(request: Message) -> bool:
    """Whether iPXE asks, which can read scripts."""
    return request.options.get(Option.USER_CLASS) == b"iPXE"


def load(
    request: Message, message_type: MessageType, ours: str, server: str, file: str
) -> Message:
    """Load that file from the TFTP server, or the file that is a URL from there.

    `ours` and `server` are addresses; `file` is ASCII, at most 127 characters.
    """
    options: dict[int, bytes] = {
        Option.TFTP_SERVER: server.encode(),
        Option.BOOT_FILE: file.encode(),
    }
    # A BIOS would look for boot servers. UEFI firmware is said to ignore offers with
    # this; EDK2 without it asks again, on port 4011.
    if _BIOS in request.architectures:
        options[Option.VENDOR_OPTIONS] = _LOAD_THE_FILE
    answer = _answer(request, message_type, ours, options)
    return structs.replace(answer, next_server=server, file=file.encode())


def boot_disk(
    request: Message, message_type: MessageType, ours: str, nowhere: str
) -> Message:
    """Go on to the disk at once.

    HTTP boot has no word for it, but goes on when there is nothing at a URL: `nowhere`.
    """
    if _vendor_class(request) == _HTTP_BOOT:
        return load(request, message_type, ours, ours, nowhere)
    options: dict[int, bytes] = {Option.VENDOR_OPTIONS: _BOOT_THE_DISK}
    return _answer(request, message_type, ours, options)


def _vendor_class(request: Message) -> bytes | None:
    """What the client must hear back."""
    given = request.options.get(Option.VENDOR_CLASS, b"")
    return next((name for name in (_PXE, _HTTP_BOOT) if given.startswith(name)), None)


def _answer(
    request: Message,
    message_type: MessageType,
    ours: str,
    options: Mapping[int, bytes],
) -> Message:
    returned = {
        number: request.options[number]
        for number in _RETURNED
        if number in request.options
    }
    return structs.replace(
        request,
        operation=REPLY,
        hops=0,
        seconds=0,
        your_address=NOWHERE,
        next_server=NOWHERE,
        file=b"",
        options={
            Option.MESSAGE_TYPE: bytes([message_type]),
            Option.SERVER: inet_aton(ours),
            Option.VENDOR_CLASS: _vendor_class(request) or b"",
            **options,
            **returned,
        },
    )
