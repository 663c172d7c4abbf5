"""What firmware hears: its loader or its disk, in its own way, and never an address."""

from __future__ import annotations

from socket import inet_aton
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeguard.wire.dhcp import (
    NOWHERE,
    REPLY,
    REQUEST,
    Message,
    MessageType,
    Option,
    parse,
)
from lifeguard.wire.pxe import boot_disk, boots_from_network, is_ipxe, load
from tests.test_wire_dhcp import messages

OURS, THEIRS = "192.0.2.1", "192.0.2.9"
BIOS = b"PXEClient:Arch:00000:UNDI:002001"
UEFI = b"PXEClient:Arch:00007:UNDI:003000"
UEFI_HTTP = b"HTTPClient:Arch:00016:UNDI:003000"
MACHINE = bytes(17)
NOWHERE_URL = "http://192.0.2.1:8080/nowhere"

offers = st.sampled_from([MessageType.OFFER, MessageType.ACK])


def ask(vendor_class: bytes, architecture: int, **fields: Any) -> Message:
    """What firmware says of itself, and more than it says."""
    return Message(
        operation=REQUEST,
        transaction=7,
        hardware_address=bytes.fromhex("02000000000a"),
        hops=1,
        seconds=4,
        flags=0x8000,
        relay_address=THEIRS,
        your_address=THEIRS,
        next_server=THEIRS,
        file=b"old",
        options={
            Option.RELAY: b"\1\2ab",
            Option.MESSAGE_TYPE: bytes([MessageType.DISCOVER]),
            Option.VENDOR_CLASS: vendor_class,
            Option.ARCHITECTURES: bytes([0, architecture]),
            Option.MACHINE: MACHINE,
            12: b"name",
        },
        **fields,
    )


def told(**fields: Any) -> Message:
    """What comes back to `ask` whatever is booted, and these fields."""
    return Message(
        operation=REPLY,
        transaction=7,
        hardware_address=bytes.fromhex("02000000000a"),
        flags=0x8000,
        relay_address=THEIRS,
        **fields,
    )


def test_a_bios_is_to_load_the_file_and_to_look_for_no_servers() -> None:
    offer = load(ask(BIOS, 0), MessageType.OFFER, OURS, THEIRS, "pxelinux.0")
    assert offer == told(
        next_server=THEIRS,
        file=b"pxelinux.0",
        options={
            Option.MESSAGE_TYPE: b"\x02",
            Option.SERVER: inet_aton(OURS),
            Option.VENDOR_CLASS: b"PXEClient",
            Option.TFTP_SERVER: b"192.0.2.9",
            Option.BOOT_FILE: b"pxelinux.0",
            Option.VENDOR_OPTIONS: b"\x06\x01\x08\xff",
            Option.MACHINE: MACHINE,
            Option.RELAY: b"\1\2ab",
        },
    )


def test_uefi_hears_of_the_file_alone() -> None:
    offer = load(ask(UEFI, 7), MessageType.ACK, OURS, OURS, "shimx64.efi")
    assert offer == told(
        next_server=OURS,
        file=b"shimx64.efi",
        options={
            Option.MESSAGE_TYPE: b"\x05",
            Option.SERVER: inet_aton(OURS),
            Option.VENDOR_CLASS: b"PXEClient",
            Option.TFTP_SERVER: b"192.0.2.1",
            Option.BOOT_FILE: b"shimx64.efi",
            Option.MACHINE: MACHINE,
            Option.RELAY: b"\1\2ab",
        },
    )


def test_http_boot_hears_its_own_vendor_class_and_a_url() -> None:
    url = "http://192.0.2.1:8080/files/shimx64.efi"
    offer = load(ask(UEFI_HTTP, 16), MessageType.OFFER, OURS, OURS, url)
    assert offer.file == offer.options[Option.BOOT_FILE] == url.encode()
    assert offer.options[Option.VENDOR_CLASS] == b"HTTPClient"


@pytest.mark.parametrize("request_", [ask(BIOS, 0), ask(UEFI, 7)])
def test_the_disk_is_a_menu_of_one_item_taken_at_once(request_: Message) -> None:
    title = b"Boot from disk"
    assert boot_disk(request_, MessageType.OFFER, OURS, NOWHERE_URL) == told(
        options={
            Option.MESSAGE_TYPE: b"\x02",
            Option.SERVER: inet_aton(OURS),
            Option.VENDOR_CLASS: b"PXEClient",
            Option.VENDOR_OPTIONS: b"\x06\x01\x03"
            b"\x09\x11\0\0\x0e" + title + b"\x0a\x0f\0" + title + b"\xff",
            Option.MACHINE: MACHINE,
            Option.RELAY: b"\1\2ab",
        },
    )


def test_http_boot_goes_on_to_the_disk_from_a_url_that_leads_nowhere() -> None:
    request = ask(UEFI_HTTP, 16)
    offer = boot_disk(request, MessageType.OFFER, OURS, NOWHERE_URL)
    assert offer == load(request, MessageType.OFFER, OURS, OURS, NOWHERE_URL)


def test_what_a_relay_agent_put_in_comes_last() -> None:
    request = ask(BIOS, 0)
    for answer in (
        load(request, MessageType.OFFER, OURS, OURS, "pxelinux.0"),
        boot_disk(request, MessageType.OFFER, OURS, NOWHERE_URL),
    ):
        assert list(answer.options)[-1] == Option.RELAY


@given(messages, offers, st.sampled_from(["pxelinux.0", "x" * 127]))
def test_no_answer_to_anything_gives_an_address(
    request_: Message, message_type: MessageType, file: str
) -> None:
    answer = parse(bytes(load(request_, message_type, OURS, THEIRS, file)))
    assert (answer.operation, answer.type) == (REPLY, message_type)
    assert (answer.your_address, answer.next_server) == (NOWHERE, THEIRS)
    assert answer.file.decode() == file
    for field in ("transaction", "mac", "flags", "relay_address", "client_address"):
        assert getattr(answer, field) == getattr(request_, field)
    for number in (Option.CLIENT, Option.MACHINE, Option.RELAY):
        assert answer.options.get(number) == request_.options.get(number)


@given(messages)
def test_an_answer_is_hardly_longer_than_what_it_answers(request_: Message) -> None:
    answer = load(request_, MessageType.OFFER, OURS, THEIRS, "x" * 127)
    assert len(bytes(answer)) <= len(bytes(request_)) + 180


def test_only_pxe_and_http_boot_boot_from_the_network() -> None:
    classes = [BIOS, UEFI, UEFI_HTTP, b"PXEClient", b"U-Boot.armv8", b"MSFT 5.0", b""]
    found = [boots_from_network(ask(each, 0)) for each in classes]
    assert found == [True, True, True, True, False, False, False]


def test_ipxe_says_that_it_is() -> None:
    users = {name: {Option.USER_CLASS: name} for name in (b"iPXE", b"gPXE", b"")}
    found = [
        is_ipxe(Message(operation=1, transaction=1, hardware_address=b"", options=each))
        for each in (*users.values(), {})
    ]
    assert found == [True, False, False, False]
