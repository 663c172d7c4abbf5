"""First inventories from NetBox, labgrid and pdudaemon: all of them are accepted."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import convert
from treq.testing import StringStubbingResource, StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lifeguard.config import load
from lifeguard.config.inventory import inventory_of
from lifeguard.config.reader import Reader
from lifeguard.importing import labgrid, netbox, pdudaemon
from lifeguard.importing.draft import Draft, Unreadable, name_of, written
from lifeguard.importing.netbox import (
    Address,
    Answers,
    Device,
    DeviceType,
    End,
    Interface,
    PowerPort,
)
from lifeguard.importing.netbox_api import NetBox
from lifeguard.model import Inventory, Outlet
from tests.cli_rig import cli
from tests.rig import result_of

URL = "http://netbox.test"

Lab = tuple[Inventory, list[str], str]


def lab_of(draft: Draft, directory: Path) -> Lab:
    """The inventory that the draft's file is, what it lacks, and its text."""
    text, left_out = written(draft, "somewhere")
    (directory / "boards.toml").write_text(text)
    (directory / "lifeguard.toml").write_text("")
    return load(directory / "lifeguard.toml").inventory, left_out, text


PLACES = """
rock-1:
  matches:
  - {exporter: '*', group: rock-1, cls: '*', name: null, rename: null}
  tags: {board: rock pi}
rock-2:
  matches: ['*/shelf/NetworkPowerPort']
"""

EXPORTER = """
rock-1:
  location: rack 3
  NetworkPowerPort: {model: tasmota, host: 192.0.2.7, index: 1}
  NetworkService: {address: 192.0.2.55, username: root}
  console: {cls: USBSerialPort, match: {ID_SERIAL: a}}
shelf:
  NetworkPowerPort: {model: gude, host: 192.0.2.8, index: 1}
  PDUDaemonPort: {host: pdud, pdu: apc1, index: 3}
"""


def test_a_place_of_labgrid_is_a_board_with_the_outlets_of_its_groups() -> None:
    draft = labgrid.read([PLACES, EXPORTER])
    assert draft.boards == {
        "rock-1": {
            "hardware": "rock-pi",
            "address": "192.0.2.55",
            "power": ["192.0.2.7/1"],
        },
        "rock-2": {"hardware": "unknown"},
    }
    assert draft.relay_boards == {
        "192.0.2.7": {"driver": "tasmota", "url": "http://192.0.2.7"}
    }
    assert draft.notes == ["rock-2: no driver for its NetworkPowerPort gude"]


def test_without_places_each_group_of_an_exporter_is_a_board() -> None:
    draft = labgrid.read([EXPORTER])
    assert draft.boards["shelf"] == {"hardware": "unknown", "power": ["apc1/3"]}
    assert draft.relay_boards["apc1"] == {
        "driver": "pdudaemon",
        "url": "http://pdud:16421",
        "hostname": "apc1",
    }


def test_a_board_without_a_mac_is_a_comment_with_all_that_is_known(
    tmp_path: Path,
) -> None:
    lab, left_out, text = lab_of(labgrid.read([EXPORTER]), tmp_path)
    assert (list(lab.boards), list(lab.hardware)) == ([], ["unknown"])
    assert list(lab.relay_boards) == ["192.0.2.7", "apc1"]
    assert left_out[1:] == ["boards.rock-1.mac: missing", "boards.shelf.mac: missing"]
    assert '#[boards.rock-1]\n# mac: missing\n#hardware = "unknown"\n' in text
    # Once somebody knows it, it only has to be written down.
    block = text[text.index("#[boards.rock-1]") : text.index("#[boards.shelf]")]
    whole = block.replace("# mac: missing", 'mac = "02:00:00:00:00:01"')
    whole = whole.replace("\n#", "\n").removeprefix("#")
    (tmp_path / "boards.toml").write_text(text.replace(block, whole))
    board = load(tmp_path / "lifeguard.toml").inventory.boards["rock-1"]
    assert board.power == (Outlet("192.0.2.7", "1"),)


@pytest.mark.parametrize("text", ["[", "- a", "a: b", "{{ jinja }}: {}", "a: !!x {}"])
def test_what_is_no_labgrid_is_said_so(text: str) -> None:
    with pytest.raises(Unreadable):
        labgrid.read([text])


CONF = {
    "daemon": {"hostname": "0.0.0.0", "port": 16421, "listener": "tcp"},
    "pdus": {"apc1": {"driver": "apc7952"}, "my pdu": {"driver": "localcmdline"}},
}


def test_the_pdus_of_a_pdudaemon_are_relay_boards(tmp_path: Path) -> None:
    lab, left_out, _ = lab_of(pdudaemon.read(json.dumps(CONF)), tmp_path)
    assert {name: each.driver for name, each in lab.relay_boards.items()} == {
        "apc1": "pdudaemon"
    }
    assert left_out[:2] == [
        'daemon.listener: lifeguard needs it to be "http"',
        "boards: a pdudaemon knows none",
    ]
    assert left_out[2].startswith("relay_boards.my-pdu.hostname: expected ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"daemon": 1, "pdus": {}}', "x"])
def test_what_is_no_pdudaemon_is_said_so(text: str) -> None:
    with pytest.raises(Unreadable):
        pdudaemon.read(text)


def device(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"board {number}",
        "device_type": {"slug": "rock-pi-4"},
        "primary_ip4": {"address": f"192.0.2.{number}/24"},
        "custom_fields": {},
        **fields,
    }


def interface(number: int, mac: str | None, **fields: Any) -> dict[str, Any]:
    return {"device": {"id": number}, "name": "eth0", "mac_address": mac, **fields}


def port(number: int, *outlets: str) -> dict[str, Any]:
    ends = [{"name": each, "device": {"id": 90, "name": "pdu-a"}} for each in outlets]
    return {"device": {"id": number}, "name": "dc", "connected_endpoints": ends or None}


def answered(*documents: list[dict[str, Any]]) -> Answers:
    fields = ("devices", "interfaces", "power_ports", "pdus")
    return convert(dict(zip(fields, documents, strict=True)), Answers)


PDU = device(
    90,
    name="pdu-a",
    primary_ip4={"address": "192.0.2.90/24"},
    custom_fields={"lifeguard_driver": "proxr"},
)


def test_a_device_of_netbox_is_a_board_on_the_outlet_that_it_is_wired_to(
    tmp_path: Path,
) -> None:
    answers = answered(
        [
            device(1),
            device(2, custom_fields={"lifeguard_hardware": "panda"}),
            device(3),
            device(4, name=None),
        ],
        [
            interface(1, "02:00:00:00:00:0A"),
            interface(1, "02:00:00:00:00:0B", mgmt_only=True),
            interface(2, "02:00:00:00:00:02"),
            interface(2, None),
            interface(3, "02:00:00:00:00:03"),
            interface(3, "02:00:00:00:00:04"),
        ],
        [port(1, "outlet 1/3"), port(2)],
        [PDU],
    )
    lab, left_out, _ = lab_of(netbox.read(answers), tmp_path)
    board = lab.boards["board-1"]
    assert (board.mac, board.address, board.hardware, board.power) == (
        "02:00:00:00:00:0a",
        "192.0.2.1",
        "rock-pi-4",
        (Outlet("pdu-a", "1/3"),),
    )
    assert lab.relay_boards["pdu-a"].address == "192.0.2.90:2101"
    assert lab.boards["board-2"].hardware == "panda"
    assert left_out == [
        "board-2: dc has no cable to an outlet",
        "device 4: it has no name",
        "boards.board-3.mac: missing",
    ]


def test_a_pdu_without_a_driver_is_a_comment_and_so_is_its_outlet(
    tmp_path: Path,
) -> None:
    answers = answered(
        [device(1)],
        [interface(1, "02:00:00:00:00:01")],
        [port(1, "3")],
        [device(90, name="pdu-a", custom_fields=None)],
    )
    lab, left_out, text = lab_of(netbox.read(answers), tmp_path)
    assert lab.boards["board-1"].power == ()
    assert left_out == [
        "relay_boards.pdu-a.driver: missing",
        "boards.board-1.power: no [relay_boards.pdu-a] in this file",
    ]
    assert '#power = [\n#    "pdu-a/3",\n#]\n' in text


class NetBoxRig:
    """A NetBox with so many devices, whose pages are of two."""

    def __init__(self, devices: int) -> None:
        self.asked: list[str] = []
        self.devices = [device(number + 1) for number in range(devices)]
        self.status, self.body = 200, b""
        self.stub = StubTreq(StringStubbingResource(self.answer))
        self.netbox = NetBox(URL, "s3cret", self.stub, Clock())  # type: ignore[arg-type]

    def answer(
        self, method: bytes, url: Any, params: Any, headers: Any, data: Any
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        text = url.decode() if isinstance(url, bytes) else url
        what = urlsplit(text).path.split("/")[-2]
        query = parse_qs(urlsplit(text).query) | {
            key.decode(): [each.decode() for each in values]
            for key, values in params.items()
        }
        self.asked.append(f"{what} {sorted(query)}")
        assert headers[b"Authorization"] == [b"Token s3cret"]
        if self.status != 200 or self.body:
            return self.status, {}, self.body
        found = [PDU] if query.get("id") == ["90"] else []
        if what == "devices" and not found:
            found = self.devices
        if what == "interfaces":
            found = [
                interface(int(n), f"02:00:00:00:00:0{n}") for n in query["device_id"]
            ]
        if what == "power-ports":
            found = [port(int(n), f"1/{n}") for n in query["device_id"]]
        start = int(query.get("offset", ["0"])[0])
        rest = urlencode({**query, "offset": [str(start + 2)]}, doseq=True)
        more = f"http://internal:8001/api/dcim/{what}/?{rest}"
        page = {
            "results": found[start : start + 2],
            "next": more if len(found) > start + 2 else None,
        }
        return 200, {}, json.dumps(page).encode()

    def answers(self) -> Answers:
        asking = Deferred.fromCoroutine(self.netbox.answers(["lab"], ["sbc"], []))
        self.stub.flush()
        answers: Answers = result_of(asking)
        return answers


def test_netbox_is_asked_page_by_page_and_nowhere_else(tmp_path: Path) -> None:
    rig = NetBoxRig(devices=3)
    answers = rig.answers()
    assert rig.asked == [
        "devices ['limit', 'role', 'site']",
        "devices ['limit', 'offset', 'role', 'site']",
        "interfaces ['device_id', 'limit']",
        "interfaces ['device_id', 'limit', 'offset']",
        "power-ports ['device_id', 'limit']",
        "power-ports ['device_id', 'limit', 'offset']",
        "devices ['id', 'limit']",
    ]
    lab, left_out, _ = lab_of(netbox.read(answers), tmp_path)
    assert list(lab.boards) == ["board-1", "board-2", "board-3"]
    assert left_out == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, b"{}", "the token is not accepted"),
        (500, b"<html>", "status 500"),
        (302, b"", "status 302"),
        (200, b"<html>", "this is no NetBox"),
        (200, b"[]", "this is no NetBox"),
        (200, b'{"results": [1]}', "this is no NetBox"),
    ],
)
def test_what_netbox_says_no_to_is_one_line(
    status: int, body: bytes, said: str
) -> None:
    rig = NetBoxRig(devices=1)
    rig.status, rig.body = status, body
    with pytest.raises(Unreadable, match=f"^{URL}/api/dcim/devices/: {said}"):
        rig.answers()


def test_pages_without_an_end_have_one() -> None:
    rig = NetBoxRig(devices=1)
    rig.body = json.dumps({"results": [], "next": f"{URL}/api/dcim/devices/?"}).encode()
    with pytest.raises(Unreadable, match="do not come to an end"):
        rig.answers()


texts = st.text(max_size=5) | st.sampled_from(["proxr", "http", "192.0.2.1/24", "1/3"])
parts = st.builds(
    Device,
    st.integers(1, 3),
    texts,
    st.none() | st.builds(DeviceType, texts),
    st.none() | st.builds(Address, texts),
    st.none() | st.dictionaries(st.just("lifeguard_driver"), texts | st.integers()),
)
ports = st.builds(
    PowerPort, parts, texts, st.lists(st.builds(End, texts, parts), max_size=2)
)


@settings(max_examples=50)
@given(
    st.lists(parts, max_size=3),
    st.lists(st.builds(Interface, parts, texts), max_size=3),
    st.lists(ports, max_size=2),
    st.lists(parts, max_size=2),
)
def test_whatever_netbox_answers_the_file_is_accepted(
    devices: list[Device],
    interfaces: list[Interface],
    power_ports: list[PowerPort],
    pdus: list[Device],
) -> None:
    draft = netbox.read(Answers(devices, interfaces, power_ports, pdus))
    reader = Reader(Path("boards.toml"))
    inventory_of(tomllib.loads(written(draft, "x").text), reader)
    assert reader.mistakes == []


@given(st.text())
def test_a_name_is_one_or_nothing(text: str) -> None:
    name = name_of(text)
    assert name == "" or written(Draft(hardware={name: {}}), "x").left_out == []


def test_the_command_writes_the_file_and_says_what_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "exporter.yaml").write_text(EXPORTER)
    done = cli().run("inventory", "import", "labgrid", str(tmp_path / "exporter.yaml"))
    assert done.status == 0
    assert done.out[0].startswith(f"# From {tmp_path}/exporter.yaml. ")
    assert done.err == [
        "lifeguard: shelf: no driver for its NetworkPowerPort gude",
        "lifeguard: boards.rock-1.mac: missing",
        "lifeguard: boards.shelf.mac: missing",
    ]


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff")
    command = cli().run
    assert command("inventory", "import", "labgrid", str(broken)) == (
        2, [], [f"lifeguard: {broken}: not UTF-8 text at byte 0"]
    )  # fmt: skip
    broken.write_text("{")
    status, out, (line,) = command("inventory", "import", "pdudaemon", str(broken))
    assert (status, out) == (1, [])
    assert line.startswith(f"lifeguard: {broken}: not JSON: ")
    where = ["--url", "netbox", "--token-file", str(broken)]
    assert command("inventory", "import", "netbox", *where).status == 2
    where = ["--url", "http://netbox", "--token-file", str(tmp_path / "none")]
    assert command("inventory", "import", "netbox", *where).status == 2
