"""Known boards hear what they boot, by their kind; everybody else hears nothing."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import capturedLogs

from lifeguard.config import ConfigurationError, load
from lifeguard.config.proxy_dhcp import Loader
from lifeguard.config.proxy_dhcp import ProxyDhcp as Settings
from lifeguard.lifecycle import Boots
from lifeguard.model import Board, Inventory
from lifeguard.netboot.connection import Client
from lifeguard.netboot.decision import Situation
from lifeguard.netboot.proxy_dhcp import ProxyDhcp
from lifeguard.netboot.proxy_dhcp_server import (
    BOOT_SERVER,
    PROXY_DHCP,
    ProxyDhcpServer,
    Requests,
)
from lifeguard.wire.dhcp import REPLY, REQUEST, Message, MessageType, Option, parse
from tests.netboot_rig import MAC, image, situation, texts
from tests.test_wire_dhcp import messages

OURS, RELAY = "192.0.2.1", "192.0.2.254"
NOBODY = Client("0.0.0.0", 68, OURS)
BOARD = Client("192.0.2.101", 4011, OURS)
EVERYBODY = Client("255.255.255.255", 68, OURS)

LOADERS = {
    "bios": Loader(file="pxelinux.0"),
    "uefi-x64": Loader(file="shimx64.efi", server="192.0.2.9"),
    "uefi-arm64-http": Loader(file="http://192.0.2.1/files/shim.efi"),
    "ipxe": Loader(file="boot.ipxe"),
}
URL = "http://192.0.2.1:8080"
UUID = "b8945908-d6a6-41a9-611d-74a6ab80b83d"
SMBIOS_UUID = "085994b8-a6d6-a941-611d-74a6ab80b83d"
DEBIAN = Inventory(images={"debian": image("debian")})


class Parts(NamedTuple):
    """Both ports' ends; `sent` is what left them, and where it went."""

    known: dict[str, Situation]
    sent: list[tuple[Message, Client]]
    proxy_dhcp: Requests
    boot_server: Requests

    def ask(self, request: Message, client: Client = NOBODY) -> str | None:
        """The loader that port 67 names, "disk", or None for silence."""
        return self._what(self.proxy_dhcp, request, client)

    def ask_again(self, request: Message, client: Client = BOARD) -> str | None:
        """The same of port 4011."""
        return self._what(self.boot_server, request, client)

    def _what(self, port: Requests, request: Message, client: Client) -> str | None:
        before = len(self.sent)
        port.datagramReceived(bytes(request), client)
        if len(self.sent) == before:
            return None
        [(answer, _)] = self.sent[before:]
        return answer.file.decode() or "disk"


@dataclass
class Transport:
    """Keeps what is sent; `error` is raised instead."""

    sent: list[tuple[Message, Client]] = field(default_factory=list)
    error: OSError | None = None

    def write(self, datagram: bytes, addr: Client) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((parse(datagram), addr))


def rig(*known: Situation, address: str = "0.0.0.0") -> Parts:
    """These boards, or one that boots debian."""
    boards = {each.board.mac: each for each in known or [situation(Boots.WANTED)]}
    answers = ProxyDhcp(boards.get, DEBIAN, LOADERS, URL)
    transport = Transport()
    ports = [Requests(each, answers, address) for each in (PROXY_DHCP, BOOT_SERVER)]
    for port in ports:
        port.makeConnection(transport)
    return Parts(boards, transport.sent, *ports)


def request(
    architecture: int = 0,
    *,
    mac: str = MAC,
    message_type: int = MessageType.DISCOVER,
    vendor_class: bytes = b"PXEClient:Arch:...",
    user_class: bytes = b"",
    **fields: Any,
) -> Message:
    return Message(
        **{
            "operation": REQUEST,
            "transaction": 7,
            "hardware_address": bytes.fromhex(mac.replace(":", "")),
            "options": {
                Option.MESSAGE_TYPE: bytes([message_type]),
                Option.VENDOR_CLASS: vendor_class,
                Option.ARCHITECTURES: architecture.to_bytes(2),
                Option.USER_CLASS: user_class,
            },
            **fields,
        }
    )


def http_request(architecture: int) -> Message:
    return request(architecture, vendor_class=b"HTTPClient:Arch:...")


# What is told.


def test_a_loader_is_chosen_by_what_the_client_is() -> None:
    parts = rig()
    found = [
        parts.ask(request(0)),
        parts.ask(request(7)),
        parts.ask(request(9)),
        parts.ask(request(0, user_class=b"iPXE")),
        parts.ask(request(7, user_class=b"iPXE")),
        parts.ask(http_request(19)),
    ]
    assert found == [
        "pxelinux.0",
        "shimx64.efi",
        "shimx64.efi",
        "boot.ipxe",
        "boot.ipxe",
        "http://192.0.2.1/files/shim.efi",
    ]
    servers = [answer.next_server for answer, _ in parts.sent]
    assert servers == [OURS, "192.0.2.9", "192.0.2.9", OURS, OURS, OURS]
    assert {answer.options[Option.SERVER] for answer, _ in parts.sent} == {
        socket.inet_aton(OURS)
    }


def test_the_first_of_several_architectures_that_has_a_loader_is_it() -> None:
    several = {
        **request().options,
        Option.ARCHITECTURES: b"\0\x06\0\x07\0\0",
    }
    assert rig().ask(request(options=several)) == "shimx64.efi"


def test_without_a_script_ipxe_is_what_its_machine_is() -> None:
    loaders = {"bios": LOADERS["bios"]}
    answers = ProxyDhcp({MAC: situation(Boots.WANTED)}.get, DEBIAN, loaders, URL)
    asked = request(0, user_class=b"iPXE")
    answer = answers.answer(asked, MessageType.OFFER, OURS)
    assert answer is not None
    assert answer.file == b"pxelinux.0"


@pytest.mark.parametrize("boots", Boots)
def test_what_is_told_is_the_one_decision(boots: Boots) -> None:
    expected = {
        Boots.WANTED: "pxelinux.0",
        Boots.SELF_TEST: "disk",  # no image has that role
        Boots.MAINTENANCE: "disk",
        Boots.DISK: "disk",
        Boots.NOTHING: None,
    }
    parts = rig(situation(boots))
    assert parts.ask(request(0)) == expected[boots]
    again = request(0, message_type=MessageType.REQUEST)
    assert parts.ask_again(again) == expected[boots]


def test_http_boot_is_sent_where_nothing_is_and_goes_on_to_the_disk() -> None:
    told = rig(situation(Boots.DISK)).ask(http_request(19))
    assert told == f"{URL}/boots-its-disk"


def test_a_machine_is_known_by_its_uuid_behind_another_network_card() -> None:
    """Firmware sends the UUID as SMBIOS has it, or put right."""
    board = Board(name="panda-01", mac=MAC, hardware="panda", uuid=UUID)
    inventory = Inventory(images=DEBIAN.images, boards={"panda-01": board})
    boards = {MAC: situation(Boots.WANTED)}
    answers = ProxyDhcp(boards.get, inventory, LOADERS, URL)
    found = []
    for machine in (f"00{UUID}", f"00{SMBIOS_UUID}", f"01{UUID}", f"00{UUID[:-2]}"):
        asked = request(mac="02:00:00:00:00:99")
        asked.options[Option.MACHINE] = bytes.fromhex(machine.replace("-", ""))
        found.append(answers.answer(asked, MessageType.OFFER, OURS) is not None)
    assert found == [True, True, False, False]


def test_strangers_and_the_unready_hear_nothing() -> None:
    parts = rig()
    silent = [
        request(mac="02:00:00:00:00:99"),
        request(vendor_class=b"U-Boot.armv8"),
        request(vendor_class=b""),
        request(hardware_type=6),
        request(hardware_address=b""),
        request(11),
        request(4444),
        request(operation=REPLY),
    ]
    assert [parts.ask(each) for each in silent] == [None] * len(silent)


def test_the_log_tells_of_each_offer_once_in_a_stay() -> None:
    parts = rig(situation(Boots.WANTED, state="ReimageBooting"))
    with capturedLogs() as events:
        for _ in range(3):
            parts.ask(request(0))
            parts.ask_again(request(0, message_type=MessageType.REQUEST))
            parts.ask(request(0, user_class=b"iPXE"))
            parts.ask(request(4444))
            parts.ask(request(4445))
        parts.known[MAC] = situation(Boots.WANTED, state="ReimageBooting", stay=1)
        parts.ask(request(0))
        parts.known[MAC] = situation(Boots.WANTED, wanted_image="gone", stay=2)
        parts.ask(request(7))
        parts.known[MAC] = situation(Boots.DISK, stay=3)
        parts.ask(request(7))
        parts.known[MAC] = situation(Boots.NOTHING, state="LockedOut", stay=4)
        parts.ask(request(7))
    assert texts(events) == [
        "panda-01: bios is to boot pxelinux.0 (ReimageBooting)",
        "panda-01: ipxe is to boot boot.ipxe (ReimageBooting)",
        "panda-01: architecture 4444 is to boot what it finds:"
        " there is no loader for it (ReimageBooting)",
        "panda-01: bios is to boot pxelinux.0 (ReimageBooting)",
        "panda-01: uefi-x64 is to boot its disk: image gone is not in the inventory"
        " (Ready)",
        "panda-01: uefi-x64 is to boot its disk: no image is to be booted (Ready)",
        "panda-01: uefi-x64 is to boot what it finds: it is left alone (LockedOut)",
    ]


# Where it goes.


def test_each_port_answers_what_is_asked_of_it() -> None:
    parts = rig()
    for message_type in range(9):
        parts.ask(request(message_type=message_type))
        parts.ask_again(request(message_type=message_type))
    types = [(answer.type, client.port) for answer, client in parts.sent]
    assert types == [
        (MessageType.OFFER, 68),  # a DISCOVER
        (MessageType.ACK, 4011),  # a REQUEST
        (MessageType.ACK, 68),  # an INFORM, of both
        (MessageType.ACK, 4011),
    ]


def test_an_answer_goes_where_the_client_can_hear_it() -> None:
    parts = rig()
    placed = {"client_address": "192.0.2.101"}
    parts.ask(request())
    parts.ask(request(flags=0x8000))
    parts.ask(request(message_type=MessageType.INFORM, **placed))
    parts.ask(request(relay_address=RELAY), Client(RELAY, 67, OURS))
    parts.ask(request(relay_address=RELAY, **placed))
    asked = request(message_type=MessageType.REQUEST, relay_address=RELAY, **placed)
    parts.ask_again(asked)
    assert [client for _, client in parts.sent] == [
        EVERYBODY,
        EVERYBODY,
        Client("192.0.2.101", 68, OURS),
        Client(RELAY, 67, OURS),
        Client(RELAY, 67, OURS),
        BOARD,
    ]


def test_only_the_configured_address_is_answered_from() -> None:
    parts = rig(address=OURS)
    elsewhere = NOBODY._replace(asked="198.51.100.1")
    found = [parts.ask(request(), client) for client in (NOBODY, elsewhere)]
    assert found == ["pxelinux.0", None]


def test_an_answer_that_cannot_be_sent_is_lost() -> None:
    answers = ProxyDhcp({MAC: situation(Boots.WANTED)}.get, DEBIAN, LOADERS, URL)
    port = Requests(PROXY_DHCP, answers, "0.0.0.0")
    port.makeConnection(Transport(error=OSError("network is unreachable")))
    port.datagramReceived(bytes(request()), NOBODY)


@given(
    st.binary()
    | messages.map(bytes)
    | messages.map(lambda sent: bytes(request())[:240] + bytes(sent)[240:])
)
def test_whatever_arrives_nobody_unknown_is_answered(datagram: bytes) -> None:
    parts = rig(situation(Boots.WANTED))
    for port in (parts.proxy_dhcp, parts.boot_server):
        port.datagramReceived(datagram, NOBODY)
    assert {answer.mac for answer, _ in parts.sent} <= {MAC}


# Real sockets.


class Firmware(DatagramProtocol):
    """Hears one answer."""

    noisy = False

    def __init__(self) -> None:
        self.heard: Deferred[tuple[Message, Any]] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard.callback((parse(datagram), addr))


def free_ports() -> tuple[int, int]:
    with ExitStack() as opened:
        sockets = [
            opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(2)
        ]
        for each in sockets:
            each.bind(("", 0))
        first, second = (each.getsockname()[1] for each in sockets)
    return first, second


def server(ports: tuple[int, int]) -> ProxyDhcpServer:
    answers = ProxyDhcp({MAC: situation(Boots.WANTED)}.get, DEBIAN, LOADERS, URL)
    return ProxyDhcpServer(answers, reactor, address="127.0.0.1", ports=ports)  # type: ignore[arg-type]


@ensureDeferred
async def test_a_client_is_answered_from_the_address_it_asked() -> None:
    ports = free_ports()
    service = server(ports)
    service.startService()
    firmware = Firmware()
    client = reactor.listenUDP(0, firmware, interface="127.0.0.1")  # type: ignore[attr-defined]
    asked = bytes(request(message_type=MessageType.REQUEST))
    client.write(asked, ("127.0.0.1", ports[1]))
    answer, sender = await firmware.heard.addTimeout(5, reactor)  # type: ignore[arg-type]
    await client.stopListening()
    await service.stopService()
    assert sender == ("127.0.0.1", ports[1])
    assert (answer.type, answer.file) == (MessageType.ACK, b"pxelinux.0")
    assert answer.next_server == "127.0.0.1"


@pytest.mark.parametrize("taken", [0, 1])
@ensureDeferred
async def test_a_port_that_is_taken_is_an_error_that_names_it(taken: int) -> None:
    ports = free_ports()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("", ports[taken]))
        service = server(ports)
        for _ in range(2):
            with pytest.raises(CannotListenError, match=str(ports[taken])):
                service.listen()
    service.startService()
    await service.stopService()


# The configuration.


def configure(tmp_path: Path, text: str) -> Settings | None:
    file = tmp_path / "lifeguard.toml"
    file.write_text(text)
    return load(file).proxy_dhcp


def test_it_is_off_where_the_table_does_not_stand(tmp_path: Path) -> None:
    assert configure(tmp_path, "") is None


def test_a_loader_is_a_file_one_of_another_server_or_a_url(tmp_path: Path) -> None:
    text = """
    [proxy_dhcp]
    address = "192.0.2.1"
    [proxy_dhcp.loaders]
    bios = "pxelinux.0"
    uefi-x64 = "tftp://192.0.2.9/debian/shimx64.efi"
    uefi-x64-http = "http://192.0.2.1:8080/files/shimx64.efi"
    ipxe = "http://192.0.2.1:8080/files/boot.ipxe"
    """
    assert configure(tmp_path, text) == Settings(
        address="192.0.2.1",
        loaders={
            "bios": Loader(file="pxelinux.0"),
            "uefi-x64": Loader(file="debian/shimx64.efi", server="192.0.2.9"),
            "uefi-x64-http": Loader(file="http://192.0.2.1:8080/files/shimx64.efi"),
            "ipxe": Loader(file="http://192.0.2.1:8080/files/boot.ipxe"),
        },
    )


EXPECTED = (
    'expected a file like "pxelinux.0", tftp://ADDRESS/FILE or http://HOST/FILE, got '
)


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("[proxy_dhcp]", "proxy_dhcp.loaders: missing"),
        ('bois = "a"', 'bois: unknown key, did you mean "bios"?'),
        ("bios = 3", f"bios: {EXPECTED}3"),
        ('bios = ""', f'bios: {EXPECTED}""'),
        ('bios = "a b"', f'bios: {EXPECTED}"a b"'),
        ('bios = "ü"', f'bios: {EXPECTED}"\\u00fc"'),
        (f'bios = "{"x" * 128}"', f'bios: {EXPECTED}"{"x" * 76}...'),
        ('bios = "ftp://a/b"', f'bios: {EXPECTED}"ftp://a/b"'),
        ('bios = "tftp://host/b"', f'bios: {EXPECTED}"tftp://host/b"'),
        ('bios = "tftp://192.0.2.1/"', f'bios: {EXPECTED}"tftp://192.0.2.1/"'),
        ('bios = "http://a/b"', "bios: HTTP boot takes a URL, PXE a file"),
        ('uefi-x64-http = "b"', "uefi-x64-http: HTTP boot takes a URL, PXE a file"),
    ],
)
def test_a_mistake_is_a_line(tmp_path: Path, line: str, mistake: str) -> None:
    inside = not line.startswith("[")
    table = "[proxy_dhcp.loaders]\n" if inside else ""
    prefix = "proxy_dhcp.loaders." if inside else ""
    with pytest.raises(ConfigurationError) as raised:
        configure(tmp_path, table + line)
    file = tmp_path / "lifeguard.toml"
    assert raised.value.mistakes == [f"{file}: {prefix}{mistake}"]
